/* How two pictures are looked at: side by side, under a slider, blinking, or their difference; the address remembers
   (#view=slider&at=35). Without this script the three pictures stand side by side. */
(function () {
  "use strict";
  var address = window.innerview.address;
  var form = document.querySelector("[data-viewer]");
  if (!form) return;
  var page = form.closest("[data-view]"), at = form.elements.at, play = form.elements.play;
  var told = form.querySelector("output"), timer = 0, beat = 700; // milliseconds: slow enough for everyone's eyes

  function nameOf(side) {
    return form.querySelector(".viewer__at bdi:" + (side === "left" ? "first" : "last") + "-of-type").textContent;
  }

  function view() {
    return page.dataset.view;
  }

  function look(chosen) {
    page.dataset.view = chosen;
    form.elements.view.value = chosen;
    form.querySelectorAll("[data-for]").forEach(function (part) { part.hidden = part.dataset.for.split(" ").indexOf(chosen) < 0; });
    if (chosen === "blink") turn(page.dataset.shown || "left");
    else rest();
  }

  function move(share) {
    at.value = share;
    page.style.setProperty("--at", at.value + "%");
  }

  function turn(side) {
    page.dataset.shown = side;
    told.textContent = nameOf(side);
  }

  function swap() {
    turn(page.dataset.shown === "left" ? "right" : "left");
  }

  function rest() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  function run() {
    timer = setInterval(swap, beat);
    play.textContent = "Pause";
  }

  function amplify(on) {
    // Values, not colours, are to be eight times as large, and lines between tiles are no values.
    if (on && form.dataset.signed) window.innerviewFilter("amplify", true, form.dataset.signed, form.dataset.signed, 8, form.dataset.lines);
    form.elements.gain.checked = on;
    page.classList.toggle("is-amplified", on);
  }

  function remember() {
    var gain = form.elements.gain.checked;
    address.set({
      view: view() !== "beside" || gain ? view() : null, at: view() === "slider" ? at.value : null,
      shown: view() === "blink" ? page.dataset.shown : null, gain: gain ? 8 : null
    }, fromAddress);
  }

  function fromAddress() {
    var chosen = address.get("view");
    if (!chosen || !form.querySelector('[name="view"][value="' + CSS.escape(chosen) + '"]')) return;
    if (address.get("shown") === "right") turn("right");
    if (address.get("at")) move(Number(address.get("at")) || 0);
    amplify(address.get("gain") === "8");
    look(chosen);
  }

  form.hidden = false;
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("change", function (event) {
    if (event.target.name === "view") look(event.target.value);
    if (event.target.name === "gain") amplify(event.target.checked);
    remember();
  });
  at.addEventListener("input", function () { move(at.value); });
  form.elements.swap.addEventListener("click", function () { rest(); swap(); remember(); });
  play.addEventListener("click", function () {
    if (timer) rest();
    else run();
    remember();
  });

  /* The boundary follows the pointer on any of the pictures. */
  document.querySelectorAll("[data-comparison]").forEach(function (stage) {
    function follow(event) {
      if (view() !== "slider" || event.target.closest("a")) return;
      var box = stage.querySelector(".comparison__pane--left img").getBoundingClientRect();
      move(Math.round(Math.min(100, Math.max(0, (event.clientX - box.left) / box.width * 100))));
    }
    stage.addEventListener("pointerdown", function (event) {
      if (view() !== "slider" || event.button || event.target.closest("a")) return;
      stage.setPointerCapture(event.pointerId);
      follow(event);
    });
    stage.addEventListener("pointermove", function (event) {
      if (stage.hasPointerCapture(event.pointerId)) follow(event);
    });
    stage.addEventListener("pointerup", remember);
  });

  window.innerview.keys.list("Comparison", [["← →", "Another view, or the boundary of the slider"]]);
  move(at.value);
  address.keep(["view", "at", "shown", "gain"], fromAddress);
  fromAddress();
})();
