"""The HTTP face: what tachlog serves to browsers and programs.

A question is one `Endpoint` in a module's `ENDPOINTS`, which `app.ENDPOINTS` gathers: a function of
an `Asked` (archive, configuration, time, parameters as a Struct that forbids unknown fields, parts
of the path) that gives a Struct. It runs in a thread; it is encoded, tagged with the archive's last
change, kept for whoever asks the same, refused with `Refusal`, and described in OpenAPI and
docs/http.md by itself. `every_s` says how long an answer that depends on the time stays the same.

A page is one `Page` in `pages.PAGES`: a template in `templates/` that extends `base.html`, over the
answer of an endpoint, its JSON twin, with the same parameters. Templates escape everything; scripts
and styles are files in `static/`, since the policy of every answer lets in nothing else.
Who asks is `request.state.viewer`, with scopes; a path that is not for readers gets its scope in
`guard.scope_of`. What changes something is a route of its own with POST, for the scope `admin`.
"""
