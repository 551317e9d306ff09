"use strict";
(() => {
  const filters = document.querySelector(".filters");
  if (!filters) return;
  const samples = [...document.querySelectorAll("article.sample")];
  const selects = [...filters.querySelectorAll("select")];
  const shown = document.getElementById("shown");
  const apply = () => {
    let count = 0;
    for (const sample of samples) {
      const fits = selects.every(
        (select) => select.value === "" || sample.dataset[select.dataset.field] === select.value,
      );
      sample.hidden = !fits;
      if (fits) count += 1;
    }
    shown.textContent = `${count} of ${samples.length} shown`;
  };
  for (const select of selects) select.addEventListener("change", apply);
  const open = document.getElementById("open");
  open.addEventListener("click", () => {
    const opened = open.getAttribute("aria-pressed") !== "true";
    open.setAttribute("aria-pressed", String(opened));
    open.textContent = opened ? "Hide all text" : "Show all text";
    for (const details of document.querySelectorAll("article.sample > details")) details.open = opened;
  });
  filters.hidden = false;
  apply();
})();
