// Show the page anew when the archive changed: its main part alone, so that nothing else moves.
const events = new EventSource("/api/v1/live");
let first = true;
events.addEventListener("change", async () => {
  if (first) { first = false; return; }
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector("main").replaceChildren(...page.querySelector("main").childNodes);
});
