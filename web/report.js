// Shows what a Mend node reported (the "text" of its output) in the node itself, below its widgets.
import { app } from "/scripts/app.js";

const NAME = "report";

function reportWidget(node) {
  const found = node.widgets?.find((widget) => widget.name === NAME);
  if (found) return found;
  const element = document.createElement("div");
  element.className = "mend-report";
  Object.assign(element.style, {
    whiteSpace: "pre-wrap",
    overflowY: "auto",
    font: "12px/1.4 system-ui, sans-serif",
    color: "var(--input-text, #ddd)",
    background: "var(--comfy-input-bg, #222)",
    borderRadius: "4px",
    padding: "4px 8px",
    boxSizing: "border-box",
  });
  const widget = node.addDOMWidget(NAME, "mend-report", element, {
    serialize: false, // of the prompt
    hideOnZoom: false,
    getMinHeight: () => heightOf(element),
    getMaxHeight: () => heightOf(element),
  });
  widget.serialize = false; // of the saved workflow
  return widget;
}

function heightOf(element) {
  const lines = element.textContent
    .split("\n")
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 44)), 0);
  return 12 + lines * 17;
}

function show(node, text) {
  const widget = reportWidget(node);
  widget.element.textContent = text;
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width), Math.max(node.size[1], height)]);
  node.setDirtyCanvas(true, true);
}

app.registerExtension({
  name: "Mend.Report",
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("Mend")) return;
    const before = node.onExecuted;
    node.onExecuted = function (output) {
      before?.call(this, output);
      if (output?.text) show(this, [output.text].flat().join("\n"));
    };
  },
});
