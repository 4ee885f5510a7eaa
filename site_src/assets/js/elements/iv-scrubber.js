/* A slider over the views of a stage, and a button that plays them one after the other; nothing without scripts.

     <iv-scrubber for="layers" label="Stage, from the input to the classes" group="layers"></iv-scrubber>

   The names of the views are their data-label, or else their summaries. With `group` the slider is over the views whose
   data-group that is, and waits while the stage shows another. */
(function () {
  "use strict";
  var element = window.innerview.element, BEAT = 900; // milliseconds

  class Scrubber extends HTMLElement {
    connectedCallback() {
      var scrubber = this, group = this.getAttribute("group"), signal;
      this.stage = document.getElementById(this.getAttribute("for"));
      this.views = this.stage ? Array.prototype.filter.call(this.stage.querySelectorAll(":scope > details[data-view]"), function (view) {
        return !group || view.dataset.group === group;
      }) : [];
      if (this.views.length < 2) return;
      this.ending = new AbortController();
      signal = this.ending.signal;
      this.play = element("button", "button", "Play");
      this.slider = element("input", "scrubber__slider");
      this.play.type = "button";
      this.slider.type = "range";
      this.slider.min = 0;
      this.slider.max = this.views.length - 1;
      this.slider.value = 0;
      this.slider.setAttribute("aria-label", this.getAttribute("label") || "View");
      this.replaceChildren(this.play, this.slider);
      this.slider.addEventListener("input", function () {
        scrubber.rest();
        scrubber.go(Number(scrubber.slider.value));
      }, { signal: signal });
      this.play.addEventListener("click", function () { scrubber.timer ? scrubber.rest() : scrubber.run(); }, { signal: signal });
      this.stage.addEventListener("iv-change", function (event) {
        if (event.target === scrubber.stage) scrubber.follow();
      }, { signal: signal });
      signal.addEventListener("abort", window.innerview.keys.list(this.getAttribute("heading") || "Layers, while the slider has the keyboard", [
        ["← →", "Previous or next"], ["Home, End", "First or last"]
      ]));
      this.follow();
    }

    disconnectedCallback() {
      if (!this.ending) return;
      this.rest();
      this.ending.abort();
      this.replaceChildren();
    }

    place() {
      return this.views.indexOf(this.stage.current);
    }

    follow() {
      var place = this.place(), view = this.views[place];
      if (!view) return;
      this.slider.value = place;
      this.slider.setAttribute("aria-valuetext", view.dataset.label || view.querySelector("summary").textContent.trim());
    }

    go(place) {
      this.stage.show(this.views[place].dataset.view);
    }

    rest() {
      clearInterval(this.timer);
      this.timer = 0;
      this.play.textContent = "Play";
    }

    run() {
      var scrubber = this, last = this.views.length - 1;
      if (this.place() === last || this.place() < 0) this.go(0);
      this.play.textContent = "Pause";
      this.timer = setInterval(function () {
        scrubber.go(scrubber.place() + 1);
        if (scrubber.place() === last) scrubber.rest();
      }, BEAT);
    }
  }

  customElements.define("iv-scrubber", Scrubber);
})();
