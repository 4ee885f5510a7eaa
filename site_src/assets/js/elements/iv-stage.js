/* One view at a time at one place. The server's HTML is a list of details, which stand below each other without scripts:

     <iv-stage id="maps" key="method" target-key="class" scope=".page">
       <details data-view="one" data-also="same" id="map-one" open><summary><h3>One map</h3></summary>
         <div class="view__body"><p data-target="label">...</p> <p data-target="rival">...</p> <p>for all classes</p></div>
       </details>
       <details data-view="other" id="map-other"> ... </details>
     </iv-stage>
     <a href="#map-other">Another</a>
     <label><input type="radio" name="class" value="rival" data-stage="maps">bird</label>

   It shows the open one under the words of its summary, and hides the others. A link to the id of a view, anywhere on the page, shows that view here and
   has aria-current while it is shown; so does an address that ends in it. Radio buttons with data-stage choose whose parts are
   seen: those with data-target "label", "rival" or, at "both", all; this is the attribute data-shows of the stage and of the
   element around it that `scope` selects. `key` and `target-key` are the keys that keep both in the address, where given.
   Scripts: stage.show(view, target), where either may be undefined; stage.view, stage.target, stage.views (the details);
   the event "iv-change" (bubbles, detail: {view, target}) follows each change. data-also: other names of a view.
   data-group: views that belong together, of which a link with the same data-group has aria-current. */
(function () {
  "use strict";
  var element = window.innerview.element, address = window.innerview.address;
  var EDGE = 40; // pixels of a row that are seen beside what is shown

  class Stage extends HTMLElement {
    connectedCallback() {
      var stage = this, signal;
      this.ending = new AbortController();
      signal = this.ending.signal;
      this.views = Array.prototype.slice.call(this.querySelectorAll(":scope > details[data-view]"));
      if (!this.views.length) return;
      this.first = this.first || this.views.filter(function (view) { return view.open; })[0] || this.views[0];
      this.scope = this.closest(this.getAttribute("scope") || "iv-stage") || this;
      this.radios = this.id ? Array.prototype.slice.call(document.querySelectorAll('input[data-stage="' + this.id + '"]')) : [];
      this.radios.forEach(function (radio) {
        radio.addEventListener("change", function () { stage.show(undefined, radio.value); }, { signal: signal });
        if (radio.closest("fieldset")) radio.closest("fieldset").hidden = false;
      });
      this.initial = (this.radios.filter(function (radio) { return radio.defaultChecked; })[0] || {}).value || "";
      this.dataset.ready = "";
      document.addEventListener("click", function (event) { stage.followed(event); }, { signal: signal });
      window.addEventListener("hashchange", function () { stage.fromAnchor(); }, { signal: signal });
      this.keys = ["key", "target-key"].map(function (name) { return stage.getAttribute(name); });
      this.heard = function () { stage.fromAddress(); };
      if (this.keys.some(Boolean)) signal.addEventListener("abort", address.keep(this.keys.filter(Boolean), this.heard));
      this.fromAddress();
      if (!this.left && !this.fromAnchor() && this.keys[0] && address.get(this.keys[0])) this.reveal();
      this.left = null;
    }

    disconnectedCallback() {
      this.ending.abort();
      if (!this.current) return;
      this.left = { view: this.view, target: this.chosen }; // what it shows when it comes back
      this.querySelectorAll(":scope > details > .view__body > .view__head").forEach(function (head) { head.remove(); });
      this.radios.forEach(function (radio) { if (radio.closest("fieldset")) radio.closest("fieldset").hidden = true; });
      this.current = null;
      delete this.dataset.ready;
    }

    get view() { return this.current ? this.current.dataset.view : ""; }

    get target() { return this.chosen; }

    show(view, target) {
      var values = {};
      this.apply(view === undefined ? this.current : this.named(view) || this.current, target === undefined ? this.chosen : target);
      if (this.keys[0]) values[this.keys[0]] = this.current === this.first ? null : this.view;
      if (this.keys[1]) values[this.keys[1]] = this.chosen === this.initial ? null : this.chosen;
      address.set(values, this.heard);
      this.prepare();
    }

    named(name) {
      return this.views.filter(function (view) {
        return view.dataset.view === String(name) || (view.dataset.also || "").split(" ").indexOf(String(name)) >= 0;
      })[0];
    }

    apply(view, target) {
      var stage = this, known = this.radios.some(function (radio) { return radio.value === target; });
      target = known ? target : this.initial;
      if (view === this.current && target === this.chosen) return;
      this.current = view;
      this.chosen = target;
      this.views.forEach(function (other) { other.open = other === view; });
      this.head(view);
      this.dataset.shows = this.scope.dataset.shows = target;
      this.radios.forEach(function (radio) { radio.checked = radio.value === target; });
      this.links().forEach(function (link) {
        if (!stage.leads(link)) return link.removeAttribute("aria-current");
        link.setAttribute("aria-current", "true");
        bring(link);
      });
      this.dispatchEvent(new CustomEvent("iv-change", { bubbles: true, detail: { view: this.view, target: target } }));
    }

    /* The words of the summary, which itself is hidden: nobody can close what is shown. */
    head(view) {
      var body = view.querySelector(".view__body"), head = element("div", "view__head");
      if (!body || body.querySelector(":scope > .view__head")) return;
      view.querySelector("summary").childNodes.forEach(function (node) { head.append(node.cloneNode(true)); });
      body.prepend(head);
    }

    /* Whether a link leads to the view that is shown, or has the name of the group that it belongs to. */
    leads(link) {
      return this.at(link) === this.current || Boolean(link.dataset.group && link.dataset.group === this.current.dataset.group);
    }

    /* The links of the page that lead to views of this stage. */
    links() {
      var stage = this;
      return Array.prototype.filter.call(document.querySelectorAll('a[href*="#"]'), function (link) { return stage.at(link); });
    }

    followed(event) {
      var link = event.target.closest && event.target.closest('a[href*="#"]'), view = link && this.at(link);
      if (!view || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.show(view.dataset.view);
    }

    /* The view that a link, or the address, leads to; null where it is none of these. */
    at(place) {
      var here = place.href.split("#")[0] === location.href.split("#")[0];
      var found = here && place.hash.length > 1 && document.getElementById(place.hash.slice(1));
      return this.views.indexOf(found) >= 0 ? found : null;
    }

    fromAddress() {
      var left = this.left || {}, view = this.keys[0] && this.named(address.get(this.keys[0]));
      this.apply(view || this.named(left.view) || this.first, (this.keys[1] && address.get(this.keys[1])) || left.target);
    }

    fromAnchor() {
      var view = this.at(location);
      if (!view) return false;
      this.apply(view, this.chosen);
      this.reveal();
      return true;
    }

    reveal() {
      (this.closest("section") || this).scrollIntoView();
    }

    /* What the next step would show is fetched, once somebody takes steps. */
    prepare() {
      var place = this.views.indexOf(this.current);
      [this.views[place - 1], this.views[place + 1]].forEach(function (view) {
        if (view) view.querySelectorAll("img[loading]").forEach(function (image) { image.loading = "eager"; });
      });
    }
  }

  /* Bring a link to where it is seen in a row that scrolls sideways, and leave the page where it is. */
  function bring(link) {
    var row = link.parentNode, box, around;
    while (row && row.scrollWidth <= row.clientWidth + 1) row = row.parentElement;
    if (!row || row === document.documentElement || row === document.body) return;
    box = link.getBoundingClientRect();
    around = row.getBoundingClientRect();
    row.scrollLeft += Math.min(0, box.left - around.left - EDGE) + Math.max(0, box.right - around.right + EDGE);
  }

  customElements.define("iv-stage", Stage);
})();
