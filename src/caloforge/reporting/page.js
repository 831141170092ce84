"use strict";
// The page reads without this: here are a filter for the figures of a gallery, buttons to open all, and zoom on click.
for (const gallery of document.querySelectorAll("section.gallery")) {
  const controls = gallery.querySelector(".controls");
  const items = [...gallery.querySelectorAll("details")];
  const words = controls.querySelector("input[type=search]");
  const differing = controls.querySelector("input[type=checkbox]");
  const count = controls.querySelector("output");
  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/);
    for (const item of items) {
      const text = (item.id + " " + item.querySelector("summary").textContent +
        " " + item.querySelector("figcaption").textContent).toLowerCase();
      item.hidden = !wanted.every((word) => text.includes(word)) || (differing.checked && !("high" in item.dataset));
    }
    count.textContent = items.filter((item) => !item.hidden).length + " of " + items.length;
  };
  controls.hidden = false;
  words.addEventListener("input", filter);
  differing.addEventListener("change", filter);
  const [open, close] = controls.querySelectorAll("button");
  open.addEventListener("click", () => items.forEach((item) => { item.open = item.open || !item.hidden; }));
  close.addEventListener("click", () => items.forEach((item) => { item.open = false; }));
  filter();
}
const unfold = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  for (let item = target; item; item = item.parentElement) {
    if (item instanceof HTMLDetailsElement) { item.hidden = false; item.open = true; }
  }
  if (target) { target.scrollIntoView(); }
};
addEventListener("hashchange", unfold);
unfold();
for (const image of document.querySelectorAll("figure img")) {
  const toggle = () => image.parentElement.classList.toggle("whole");
  image.tabIndex = 0;
  image.setAttribute("aria-description", "Enter shows it in full size");
  image.addEventListener("click", toggle);
  image.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
  });
}
