/* The views of a stage as a strip of small pictures. The server's HTML is groups of links to the views, which lead to them
   without scripts:

     <iv-filmstrip for="maps" order="faithfulness">
       <div class="filmstrip__group"><h3>Gradients</h3><ol>
         <li data-score="0.31"><a href="#map-saliency">...</a></li> ...
       </ol></div> ...
     </iv-filmstrip>

   One link at a time takes the keyboard: left, right, Home and End move and show. So do left and right on the stage, and
   where nothing has the keyboard while the stage is seen; digits show the first nine from anywhere on the page. Where links
   have scores, a button orders them by score, the highest first; `order` says by what. */
(function () {
  "use strict";
  var element = window.innerview.element, address = window.innerview.address, keys = window.innerview.keys;

  class Filmstrip extends HTMLElement {
    connectedCallback() {
      var strip = this, signal;
      this.stage = document.getElementById(this.getAttribute("for"));
      this.items = Array.prototype.slice.call(this.querySelectorAll("li"));
      if (!this.stage || !this.items.length) return;
      this.ending = new AbortController();
      signal = this.ending.signal;
      this.homes = this.items.map(function (item) { return item.parentNode; });
      this.dataset.ready = "";
      if (this.items.some(function (item) { return item.dataset.score; })) this.offer(signal);
      this.addEventListener("keydown", function (event) { strip.stepped(event); }, { signal: signal });
      this.stage.addEventListener("iv-change", function (event) {
        if (event.target === strip.stage) strip.follow();
      }, { signal: signal });
      if (this.items.length > 1) {
        signal.addEventListener("abort", keys.list((this.getAttribute("heading") || "Filmstrip") + ", while the filmstrip has the keyboard", [
          ["← →", "Previous or next"], ["Home, End", "First or last"]
        ]));
        signal.addEventListener("abort", keys.press("← →", "Previous or next of the filmstrip", function (event) { return strip.turned(event); }));
        signal.addEventListener("abort", keys.press("1–9", "The first nine of the filmstrip", function (event) { return strip.jumped(event); }));
      }
      this.number();
      this.follow();
    }

    disconnectedCallback() {
      if (!this.ending) return;
      this.ending.abort();
      if (this.bar) {
        this.arrange(false);
        this.bar.remove();
        this.ordered.remove();
        this.bar = null;
      }
      this.links().forEach(function (link) { link.removeAttribute("tabindex"); });
      delete this.dataset.ready;
    }

    /* In the order in which they stand. */
    links() {
      return Array.prototype.slice.call(this.querySelectorAll("li a"));
    }

    shown() {
      return this.querySelector("a[aria-current]");
    }

    /* The link of what is shown is the one that takes the keyboard. */
    follow() {
      var shown = this.shown(), links = this.links();
      links.forEach(function (link, place) { link.tabIndex = link === shown || (!shown && !place) ? 0 : -1; });
    }

    go(link) {
      if (!link) return;
      link.focus({ preventScroll: true });
      link.click();
    }

    stepped(event) {
      var links = this.links(), place = links.indexOf(event.target.closest("a"));
      var to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: links.length - 1 }[event.key];
      if (place < 0 || to === undefined || event.metaKey || event.ctrlKey || event.altKey) return;
      event.preventDefault();
      this.go(links[to]);
    }

    turned(event) {
      var step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], links = this.links(), box = this.stage.getBoundingClientRect(), link;
      var here = event.target === document.body ? box.top < innerHeight / 2 && box.bottom > innerHeight / 2 :
        this.stage.contains(event.target) && !event.target.closest("input, select, [tabindex]");
      link = step && here && links[links.indexOf(this.shown()) + step];
      if (link) link.click();
      return Boolean(link);
    }

    jumped(event) {
      var link = /^[1-9]$/.test(event.key) && this.links()[Number(event.key) - 1];
      if (link) link.click();
      return Boolean(link);
    }

    number() {
      this.links().forEach(function (link, place) {
        if (place < 9) link.parentNode.dataset.digit = place + 1;
        else delete link.parentNode.dataset.digit;
      });
    }

    /* --- by score --- */

    offer(signal) {
      var strip = this, group = element("div", "filmstrip__group filmstrip__group--ordered");
      this.bar = element("div", "filmstrip__bar");
      this.button = element("button", "button", "Sort by " + (this.getAttribute("order") || "score"));
      this.button.type = "button";
      this.list = element("ol");
      group.append(this.list);
      this.bar.append(this.button);
      this.before(this.bar);
      this.append(group);
      this.ordered = group;
      this.heard = function () { strip.arrange(Boolean(address.get("order"))); };
      signal.addEventListener("abort", address.keep(["order"], this.heard));
      this.button.addEventListener("click", function () {
        var sorted = strip.button.getAttribute("aria-pressed") !== "true";
        strip.arrange(sorted);
        address.set({ order: sorted ? strip.getAttribute("order") || "score" : null }, strip.heard);
      }, { signal: signal });
      this.heard();
    }

    arrange(sorted) {
      var strip = this, score = function (item) { return item.dataset.score ? Number(item.dataset.score) : -Infinity; };
      this.button.setAttribute("aria-pressed", sorted);
      if (sorted) {
        this.items.slice().sort(function (a, b) { return score(b) - score(a) || strip.items.indexOf(a) - strip.items.indexOf(b); })
          .forEach(function (item) { strip.list.append(item); });
      } else {
        this.items.forEach(function (item, place) { strip.homes[place].append(item); });
      }
      this.querySelectorAll(".filmstrip__group").forEach(function (group) { group.hidden = (group === strip.ordered) !== sorted; });
      this.number();
      this.follow();
    }
  }

  customElements.define("iv-filmstrip", Filmstrip);
})();
