"use strict";
// Brings the live sections up to date in place; without this the page reloads.
(() => {
  const pause = document.getElementById("pause");
  const age = document.getElementById("age");
  // at is the time of what is shown.
  let paused = false, at = age.textContent;
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
  });

  function busy(section) {
    return section.contains(document.activeElement) && document.activeElement !== section ||
      section.matches(":hover") && section.querySelector(".mg-strip:hover");
  }

  // say tells beside the time why not all is of it.
  function say(what) {
    const text = what ? at + " — " + what : at;
    if (age.textContent !== text) age.textContent = text;
  }

  function take(next) {
    let held = false;
    for (const section of next.querySelectorAll("[data-live]")) {
      const old = document.getElementById(section.id);
      if (!old) { location.reload(); return; }
      if (busy(old)) { held = true; continue; }
      for (const d of old.querySelectorAll("details[open]")) {
        const same = d.id && section.querySelector("#" + CSS.escape(d.id));
        if (same) same.open = true;
      }
      if (old.className !== section.className) old.className = section.className;
      if (old.hidden !== section.hidden) old.hidden = section.hidden;
      if (old.innerHTML !== section.innerHTML) old.replaceChildren(...section.childNodes);
    }
    at = next.getElementById("age").textContent;
    say(held ? "but for the part in use" : "");
  }

  async function refresh() {
    if (!paused && !document.hidden) {
      try {
        const answer = await fetch(location.href, {headers: {Accept: "text/html"}, cache: "no-store"});
        if (answer.ok) {
          const text = await answer.text();
          // Without its head, whose style has a nonce that is not this page's.
          take(new DOMParser().parseFromString(text.slice(text.indexOf("<body>")), "text/html"));
        } else {
          say(("not brought up to date: " + answer.status + " " + answer.statusText).trim());
        }
      } catch {
        say("no answer");
      }
    }
    setTimeout(refresh, 2000);
  }
  setTimeout(refresh, 2000);

  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  document.addEventListener("pointermove", (e) => {
    const strip = e.target.closest?.(".mg-strip");
    tip.hidden = !strip;
    if (!strip) return;
    const title = strip.querySelector("title");
    if (title) {
      strip.dataset.text = title.textContent;
      title.remove(); // It would be shown twice.
    }
    tip.textContent = strip.dataset.text;
    const room = innerWidth - tip.offsetWidth - 8;
    tip.style.left = Math.max(0, Math.min(e.clientX + 12, room)) + "px";
    tip.style.top = e.clientY + 16 + "px";
  });
})();
