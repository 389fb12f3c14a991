// Looks again each five seconds, while somebody can see it and is not at work in it; what did not change stays.
const live = document.getElementById("live");
const EVERY_MS = 5000;

async function look() {
  if (document.hidden || live.contains(document.activeElement) || !getSelection().isCollapsed) return;
  try {
    const answer = await fetch(live.dataset.look);
    if (answer.ok) live.innerHTML = await answer.text();
  } catch {
    // The server is away: what is shown has its time beside it.
  }
}

if (live) setInterval(look, EVERY_MS);
