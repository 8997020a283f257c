// The token: from behind the # of the address, which no browser sends, or typed.
const form = document.getElementById("enter");
const field = document.getElementById("token");
const problem = document.getElementById("enter-error");

async function enter(token) {
  const answer = await fetch("/enter", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (answer.ok) {
    location.replace("/");
    return;
  }
  problem.textContent = (await answer.json()).error;
  problem.hidden = false;
  field.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  enter(field.value);
});

if (location.hash.length > 1) {
  const token = location.hash.slice(1);
  history.replaceState(null, "", "/");
  enter(token);
}
