"use strict";
{
  const form = document.querySelector(".filters");
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const items = [...document.querySelectorAll(".item")].map((element) => ({
    element,
    verdict: element.dataset.verdict,
    text: element.textContent.toLowerCase(),
  }));
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set([...form.querySelectorAll("[name=verdict]:checked")].map((box) => box.value));
    let count = 0;
    for (const { element, verdict, text } of items) {
      const fits = verdicts.has(verdict) && words.every((word) => text.includes(word));
      element.hidden = !fits;
      count += fits ? 1 : 0;
    }
    for (const phase of document.querySelectorAll(".phase")) {
      const inside = [...phase.querySelectorAll(".item")];
      phase.hidden = inside.length > 0 && inside.every((item) => item.hidden);
    }
    shown.textContent = `${count} of ${items.length} items`;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}
