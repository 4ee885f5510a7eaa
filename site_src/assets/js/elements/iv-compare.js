/* How two pictures are looked at: side by side, under a slider, blinking, or their difference; the address remembers
   (#view=slider&at=35). The form in it is the server's; without this script the three pictures stand side by side. */
(function () {
  "use strict";
  var address = window.innerview.address, keys = window.innerview.keys, changed = window.innerview.changed;
  var palettes = window.innerview.palettes;
  var BEAT = 700; // milliseconds: slow enough for everyone's eyes

  window.innerview.define("iv-compare", function (host, signal) {
    var form = host.querySelector("form"), page = host.closest("[data-view]"), at = form.elements.at, play = form.elements.play;
    var output = form.querySelector("output"), timer = 0;

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
      changed(host, { view: chosen });
    }

    function move(share) {
      at.value = share;
      page.style.setProperty("--at", at.value + "%");
    }

    function turn(side) {
      page.dataset.shown = side;
      output.textContent = nameOf(side);
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
      timer = setInterval(swap, BEAT);
      play.textContent = "Pause";
    }

    function amplify(on) {
      // Values, not colours, are to be eight times as large, and lines between tiles are no values.
      if (on) window.innerview.filters.recolour("amplify", palettes.signed, palettes.signed[0], 8);
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
    form.addEventListener("submit", function (event) { event.preventDefault(); }, { signal: signal });
    form.addEventListener("change", function (event) {
      if (event.target.name === "view") look(event.target.value);
      if (event.target.name === "gain") amplify(event.target.checked);
      remember();
    }, { signal: signal });
    at.addEventListener("input", function () { move(at.value); }, { signal: signal });
    form.elements.swap.addEventListener("click", function () { rest(); swap(); remember(); }, { signal: signal });
    play.addEventListener("click", function () {
      if (timer) rest();
      else run();
      remember();
    }, { signal: signal });

    /* The boundary follows the pointer on any of the pictures. */
    page.querySelectorAll("[data-comparison]").forEach(function (stage) {
      function follow(event) {
        if (view() !== "slider" || event.target.closest("a")) return;
        var box = stage.querySelector(".comparison__pane--left img").getBoundingClientRect();
        move(Math.round(Math.min(100, Math.max(0, (event.clientX - box.left) / box.width * 100))));
      }
      stage.addEventListener("pointerdown", function (event) {
        if (view() !== "slider" || event.button || event.target.closest("a")) return;
        stage.setPointerCapture(event.pointerId);
        follow(event);
      }, { signal: signal });
      stage.addEventListener("pointermove", function (event) {
        if (stage.hasPointerCapture(event.pointerId)) follow(event);
      }, { signal: signal });
      stage.addEventListener("pointerup", remember, { signal: signal });
    });

    signal.addEventListener("abort", keys.list("Comparison", [["← →", "Another view, or the boundary of the slider"]]));
    signal.addEventListener("abort", function () {
      rest();
      form.hidden = true;
    });
    move(at.value);
    signal.addEventListener("abort", address.keep(["view", "at", "shown", "gain"], fromAddress));
    fromAddress();
  });
})();
