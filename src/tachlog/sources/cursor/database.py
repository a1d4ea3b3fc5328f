"""What is selected from Cursor's database: each conversation with its messages.

The table `cursorDiskKV` of `state.vscdb` has a conversation under `composerData:<id>` and its
messages (bubbles) under `bubbleId:<id>:<bubble>`; older conversations hold theirs themselves. Only
what is named here is read: the database holds keys of the account and whole files as well. A
conversation is told again, whole, when it changed. What was deleted is null; values that are no
JSON are told as unreadable.
"""

from __future__ import annotations

from typing import Final

RESULT_CHARACTERS: Final = 4000
"""How much is read of what a tool returned; its length is told beside it."""

_ORDER: Final = """(SELECT json_group_array(json_extract(h.value, '$.bubbleId'))
    FROM json_each(c.body, '$.fullConversationHeadersOnly') h)"""

_COMPOSER: Final = f"""json_object(
    'id', substr(c.key, 14),
    'shape', json_type(c.body),
    'name', json_extract(c.body, '$.name'),
    'status', json_extract(c.body, '$.status'),
    'createdAt', json_extract(c.body, '$.createdAt'),
    'branch', json_extract(c.body, '$.createdOnBranch'),
    'model', json_extract(c.body, '$.modelConfig.modelName'),
    'cwd', json_extract(c.body, '$.workspaceIdentifier.uri.fsPath'),
    'parent', json_extract(c.body, '$.subagentInfo.parentComposerId'),
    'kind', json_extract(c.body, '$.subagentInfo.subagentTypeName'),
    'usage', json_extract(c.body, '$.usageData'),
    'order', {_ORDER})"""

_RESULT: Final = "json_extract(b.body, '$.toolFormerData.result')"
_EXIT: Final = f"""CASE WHEN json_valid({_RESULT}) THEN coalesce(
    json_extract({_RESULT}, '$.exitCodeV2'), json_extract({_RESULT}, '$.exitCode')) END"""

_TOOL: Final = f"""json_object(
    'id', json_extract(b.body, '$.toolFormerData.toolCallId'),
    'name', json_extract(b.body, '$.toolFormerData.name'),
    'status', json_extract(b.body, '$.toolFormerData.status'),
    'decision', json_extract(b.body, '$.toolFormerData.userDecision'),
    'rawArgs', json_extract(b.body, '$.toolFormerData.rawArgs'),
    'params', json_extract(b.body, '$.toolFormerData.params'),
    'error', json_extract(b.body, '$.toolFormerData.error'),
    'exit', {_EXIT},
    'rejected', CASE WHEN json_valid({_RESULT}) THEN json_extract({_RESULT}, '$.rejected') END,
    'failed', CASE WHEN json_valid({_RESULT}) THEN json_extract({_RESULT}, '$.error') END,
    'result', substr({_RESULT}, 1, {RESULT_CHARACTERS}),
    'length', length({_RESULT}))"""

_BUBBLE: Final = f"""json_object(
    'id', json_extract(b.body, '$.bubbleId'),
    'type', json_extract(b.body, '$.type'),
    'text', json_extract(b.body, '$.text'),
    'thinking', json_extract(b.body, '$.thinking.text'),
    'createdAt', json_extract(b.body, '$.createdAt'),
    'sentAt', json_extract(b.body, '$.timingInfo.clientRpcSendTime'),
    'endedAt', json_extract(b.body, '$.timingInfo.clientEndTime'),
    'turnMs', json_extract(b.body, '$.turnDurationMs'),
    'input', json_extract(b.body, '$.tokenCount.inputTokens'),
    'output', json_extract(b.body, '$.tokenCount.outputTokens'),
    'model', json_extract(b.body, '$.modelInfo.modelName'),
    'cwd', json_extract(b.body, '$.workspaceUris[0]'),
    'error', json_extract(b.body, '$.errorDetails'),
    'tool', CASE WHEN json_type(b.body, '$.toolFormerData') = 'object' THEN {_TOOL} END)"""

_TOLD: Final = f'CASE WHEN json_valid(b.body) THEN {_BUBBLE} ELSE \'{{"type":"unreadable"}}\' END'

STATEMENTS: Final = (
    f"""
    WITH composers AS (
        SELECT key, CAST(value AS TEXT) AS body FROM cursorDiskKV
        WHERE key >= 'composerData:' AND key < 'composerData;'
    ), read AS (
        SELECT key, CASE WHEN json_valid(body) THEN body ELSE '"unreadable"' END AS body
        FROM composers WHERE body <> 'null'
    )
    SELECT CAST(coalesce(json_extract(c.body, '$.lastUpdatedAt'),
                         json_extract(c.body, '$.createdAt'), 0) AS INTEGER) AS changed,
        '{{"composer":' || {_COMPOSER} || ',"bubbles":[' || coalesce((
            SELECT group_concat(told, ',') FROM (
                SELECT {_TOLD} AS told FROM (
                    SELECT key, CAST(value AS TEXT) AS body FROM cursorDiskKV
                    WHERE key >= 'bubbleId:' || substr(c.key, 14) || ':'
                        AND key < 'bubbleId:' || substr(c.key, 14) || ';' ORDER BY key
                ) b WHERE body <> 'null'
                UNION ALL
                SELECT {_TOLD} FROM (
                    SELECT value AS body FROM json_each(c.body, '$.conversation')
                ) b
            )), '') || ']}}'
    FROM read c WHERE changed >= :since ORDER BY changed, c.key
    """,
)
