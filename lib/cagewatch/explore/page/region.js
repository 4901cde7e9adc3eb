// A picture to draw a rectangle on: drag, and `region` is [left, top, width, height] of the source.

const COLOUR = "#d55e00";

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  const words = document.createElement("code");
  const picture = new Image();
  canvas.style.cssText = "max-width: 100%; cursor: crosshair; touch-action: none; display: block";
  canvas.setAttribute("aria-label", "Drag to choose the part of the picture that is used");
  el.append(canvas, words);

  let from = null; // where the drag began, in pixels of the source

  const pixelAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const along = (value, start, size, most) =>
      Math.min(Math.max(Math.round(((value - start) / size) * most), 0), most);
    return [
      along(event.clientX, box.left, box.width, canvas.width),
      along(event.clientY, box.top, box.height, canvas.height),
    ];
  };

  const draw = () => {
    const region = model.get("region");
    const [left, top, width, height] = region.length ? region : [0, 0, canvas.width, canvas.height];
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    context.strokeStyle = COLOUR;
    context.lineWidth = Math.max(2, canvas.width / 320);
    context.strokeRect(left, top, width, height);
    words.textContent = region.length ? `region: list = [${region.join(", ")}]` : "region: list = None";
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = pixelAt(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = pixelAt(event);
    const [width, height] = [Math.abs(x - from[0]), Math.abs(y - from[1])];
    // A click without a drag is the whole picture again.
    const drawn = width > 1 && height > 1;
    model.set("region", drawn ? [Math.min(x, from[0]), Math.min(y, from[1]), width, height] : []);
  });
  canvas.addEventListener("pointerup", () => {
    from = null;
    model.save_changes();
  });
  picture.onload = () => {
    [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
    draw();
  };
  model.on("change:region", draw);
  picture.src = model.get("picture");
}

export default { render };
