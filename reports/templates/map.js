"use strict";
{
  const figure = JSON.parse(document.getElementById("figure").textContent);
  const map = document.getElementById("map"), search = document.getElementById("search");
  const found = document.getElementById("found");
  const families = figure.data.length;
  const ring = { mode: "markers", x: [], y: [], hoverinfo: "skip", showlegend: false,
    marker: { symbol: "circle-open", size: 22, color: "#9d1c1c", line: { width: 3 } } };
  const narrow = window.matchMedia("(max-width: 44rem)");

  const legend = () => narrow.matches ? { orientation: "h", y: 0, yanchor: "top", font: { size: 11 } } : {};
  const layout = { ...figure.layout, legend: { ...figure.layout.legend, ...legend() } };

  /** Rings around what matches, in the families that are shown; the others fade. */
  const mark = () => {
    const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean), x = [], y = [], faded = [];
    for (const trace of map.data.slice(0, families)) {
      const matching = trace.customdata.map(text => words.every(word => text.includes(word)));
      faded.push(words.length ? matching.map(one => one ? 1 : 0.15) : 1);
      if (!words.length || trace.visible === "legendonly" || trace.visible === false) continue;
      matching.forEach((one, at) => { if (one) { x.push(trace.x[at]); y.push(trace.y[at]); } });
    }
    found.value = words.length ? `${x.length} found` : "";
    const numbers = [...faded.keys()];
    return Plotly.restyle(map, { "marker.opacity": faded }, numbers)
      .then(() => Plotly.restyle(map, { x: [x], y: [y] }, [families]));
  };

  Plotly.newPlot(map, [...figure.data, ring], layout,
    { responsive: true, scrollZoom: true, displaylogo: false, displayModeBar: true,
      modeBarButtons: [["toImage"], ["pan2d", "zoom2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]] })
    .then(() => {
      search.addEventListener("input", mark);
      map.on("plotly_restyle", ([changes]) => { if ("visible" in changes) mark(); });
      document.documentElement.dataset.ready = "yes";
    });
}
