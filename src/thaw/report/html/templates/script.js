"use strict";

// What a row is sorted by in a column: the exact number where the cell has one, else its text.
const keyOf = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();

// Rows without a value stay last, whichever way the others are sorted.
function inOrder(numbers, direction) {
  return ([one], [other]) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    const difference = numbers ? one - other : one.localeCompare(other, "en", { numeric: true });
    return direction === "ascending" ? difference : -difference;
  };
}

function sortBy(heading) {
  const numbers = "numbers" in heading.dataset;
  const first = numbers ? "descending" : "ascending";
  const second = numbers ? "ascending" : "descending";
  const direction = heading.getAttribute("aria-sort") === first ? second : first;
  const body = heading.closest("table").tBodies[0];
  const rows = [...body.rows].map((row) => [keyOf(row, heading.cellIndex), row]);
  body.append(...rows.sort(inOrder(numbers, direction)).map(([, row]) => row));
  for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
}

for (const heading of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...heading.childNodes);
  button.addEventListener("click", () => sortBy(heading));
  heading.append(button);
}

// Only what can be scrolled is a stop for the tab key.
const stops = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
    else target.removeAttribute("tabindex");
  }
});
for (const box of document.querySelectorAll(".scroll")) stops.observe(box);

// On paper nothing is folded.
const unfolded = [];
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details:not([open])")) {
    fold.open = true;
    unfolded.push(fold);
  }
});
addEventListener("afterprint", () => {
  for (const fold of unfolded.splice(0)) fold.open = false;
});

// The contents show which section is read.
const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
const reading = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    const link = links.get(target.id);
    link.setAttribute("aria-current", "true");
    // on a phone the contents are one line
    link.closest("nav").scrollLeft = link.offsetLeft - 16;
  }
}, { rootMargin: "0px 0px -75% 0px" });
for (const section of document.querySelectorAll("main > section")) reading.observe(section);
