// Charts of the panel: data from a JSON script beside the canvas, colours from the theme, drawn again when the theme changes.
(() => {
  const colours = ["--color-primary-600", "#0e9384", "#b54708", "#1570ef", "#b42318", "#475467", "#7a5af8", "#4e5ba6"];
  const css = (name) => (name.startsWith("--") ? getComputedStyle(document.documentElement).getPropertyValue(name).trim() : name);
  const dark = () => document.documentElement.classList.contains("dark");

  function draw(canvas) {
    const data = JSON.parse(document.getElementById(canvas.dataset.source).textContent);
    const ink = css(dark() ? "--color-base-300" : "--color-base-600");
    const line = css(dark() ? "--color-base-800" : "--color-base-200");
    Chart.getChart(canvas)?.destroy();
    const kind = canvas.dataset.panelChart;
    new Chart(canvas, {
      type: kind === "stacked" ? "bar" : kind,
      data: {
        labels: data.labels,
        datasets: data.lines.map((one, index) => ({
          label: one.label, data: one.values, stepped: kind === "line" && data.stepped !== false, borderWidth: 2, pointRadius: data.labels.length > 40 ? 0 : 2,
          borderColor: css(dark() && index === 0 ? "--color-primary-400" : colours[index % colours.length]),
          backgroundColor: css(dark() && index === 0 ? "--color-primary-400" : colours[index % colours.length]),
        })),
      },
      options: {
        animation: false, maintainAspectRatio: false, interaction: { mode: "index", intersect: false },
        plugins: { legend: { display: data.lines.length > 1, labels: { color: ink, boxWidth: 12 } } },
        scales: {
          x: { stacked: kind === "stacked", ticks: { color: ink, maxRotation: 0, autoSkipPadding: 16 }, grid: { display: false } },
          y: { stacked: kind === "stacked", beginAtZero: kind !== "line", ticks: { color: ink, precision: data.whole ? 0 : undefined }, grid: { color: line } },
        },
      },
    });
  }
  const all = (root) => root.querySelectorAll("canvas[data-panel-chart]").forEach(draw);
  window.addEventListener("load", () => {
    all(document);
    new MutationObserver(() => all(document)).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  });
  // A tile that is read anew takes its chart with it; one that gets no answer at all says so.
  document.addEventListener("htmx:beforeSwap", (event) => event.target.querySelectorAll("canvas").forEach((canvas) => Chart.getChart(canvas)?.destroy()));
  const failed = (event) => { if (event.target.dataset.tile) event.target.innerHTML = '<p><span class="pn-badge pn-bad">no answer</span></p>'; };
  document.addEventListener("htmx:responseError", failed);
  document.addEventListener("htmx:sendError", failed);
  document.addEventListener("htmx:afterSwap", (event) => all(event.target.parentElement || document));
  // The boxes that choose from a list have no name of their own; their label names them.
  window.addEventListener("load", () => setTimeout(() => document.querySelectorAll(".select2-selection").forEach((box) => {
    const field = box.closest(".select2-container")?.previousElementSibling;
    const name = field?.labels?.[0]?.textContent.trim() || field?.name || "Choose";
    [box, ...box.querySelectorAll("[role=textbox]")].forEach((part) => { part.removeAttribute("aria-labelledby"); part.setAttribute("aria-label", name); });
  }), 50));
})();
