/* A figure under a magnifying glass: buttons, + - 0, the wheel with Ctrl, and dragging with the pointer. What lies over the
   picture (the frame of a channel) moves with it. Without this script the browser's own zoom does. */
(function () {
  "use strict";
  var element = window.innerview.element;
  var MOST = 16, STEP = 1.5, PAN = 60, DRAG = 4; // factors; pixels of an arrow key; pixels from which a press is a drag
  var canvas = document.querySelector(".stage__canvas"), view = canvas && canvas.closest(".stage__view");
  if (!view) return;
  var frame = element("div", "zoom"), bar = element("div", "zoom__bar"), level = element("output", "zoom__level");
  var scale = 1, x = 0, y = 0, from = null, dragged = false;

  canvas.before(frame);
  frame.append(canvas);
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", "Zoom");
  var out = button("−", "Zoom out", function () { about(scale / STEP); });
  var into = button("+", "Zoom in", function () { about(scale * STEP); });
  var reset = button("Reset", "Reset zoom", function () { about(1); });
  bar.append(out, into, reset, level);
  (view.parentElement.querySelector(".labels--stage") || view).after(bar); // the words below a strip stay with it

  function button(sign, words, act) {
    var made = element("button", "button", sign);
    made.type = "button";
    if (sign !== "Reset") made.setAttribute("aria-label", words);
    made.addEventListener("click", act);
    return made;
  }

  function clamp(value, low, high) {
    return Math.min(high, Math.max(low, value));
  }

  /* Show the picture at a scale, and let the point of the frame at (px, py) stay where it is; in the middle by default. */
  function about(wanted, px, py) {
    var width = frame.clientWidth, height = frame.clientHeight, next = clamp(wanted, 1, MOST);
    next = next < 1.01 ? 1 : next;
    px = px === undefined ? width / 2 : px;
    py = py === undefined ? height / 2 : py;
    move(px - (px - x) * next / scale, py - (py - y) * next / scale, next);
  }

  function move(left, top, next) {
    scale = next === undefined ? scale : next;
    x = clamp(left, frame.clientWidth - canvas.offsetWidth * scale, 0);
    y = clamp(top, frame.clientHeight - canvas.offsetHeight * scale, 0);
    canvas.style.transform = scale === 1 ? "" : "translate(" + x + "px," + y + "px) scale(" + scale + ")";
    frame.classList.toggle("zoom--in", scale > 1);
    out.setAttribute("aria-disabled", String(scale === 1)); // not disabled: who has the keyboard on it keeps it
    reset.setAttribute("aria-disabled", String(scale === 1));
    into.setAttribute("aria-disabled", String(scale === MOST));
    level.textContent = Math.round(scale * 100) + " %";
  }

  frame.addEventListener("wheel", function (event) {
    var box = frame.getBoundingClientRect();
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    about(scale * Math.pow(2, -clamp(event.deltaY, -100, 100) / 100), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  frame.addEventListener("pointerdown", function (event) {
    dragged = false;
    if (scale === 1 || event.button) return;
    from = { x: event.clientX - x, y: event.clientY - y, left: event.clientX, top: event.clientY };
  });
  frame.addEventListener("pointermove", function (event) {
    if (!from) return;
    if (!dragged && Math.hypot(event.clientX - from.left, event.clientY - from.top) < DRAG) return;
    if (!dragged) frame.setPointerCapture(event.pointerId);
    dragged = true;
    move(event.clientX - from.x, event.clientY - from.y);
  });
  ["pointerup", "pointercancel"].forEach(function (name) {
    frame.addEventListener(name, function () { from = null; });
  });
  frame.addEventListener("click", function (event) { // the end of a drag chooses no channel
    if (!dragged) return;
    event.preventDefault();
    event.stopPropagation();
    dragged = false;
  }, true);
  canvas.addEventListener("dragstart", function (event) { event.preventDefault(); });

  /* Single keys work while the toolbar or the picture has the keyboard, and nowhere else. */
  function key(event) {
    var pan = { ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] }[event.key];
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") about(scale * STEP);
    else if (event.key === "-") about(scale / STEP);
    else if (event.key === "0") about(1);
    else if (pan && scale > 1) move(x + pan[0], y + pan[1]);
    else return;
    event.preventDefault();
  }

  bar.addEventListener("keydown", key);
  frame.addEventListener("keydown", key);
  window.addEventListener("resize", function () { move(x, y); });
  window.innerview.keys.list("Zoom, while its buttons or the figure have the keyboard", [
    ["+ −", "Zoom in or out"], ["0", "Reset"], ["← → ↑ ↓", "Move the figure, from the buttons"]
  ]);
  move(0, 0);
})();
