/* Buttons and a field that narrow a hub's cards; the address keeps the choice (#show=wrong&find=cat), also from a file. */
(function () {
  "use strict";
  var list = document.querySelector("[data-filter]");
  if (!list) return;
  var cards = Array.prototype.slice.call(list.querySelectorAll("[data-facets]"));
  var bar = document.createElement("div"), told = document.createElement("output");
  var field = document.createElement("input"), buttons = [], state = { show: "", find: "" };

  function facets() {
    var seen = {};
    cards.forEach(function (card) {
      card.dataset.facets.split("|").forEach(function (facet) {
        if (facet) seen[facet] = (seen[facet] || 0) + 1;
      });
    });
    return Object.keys(seen).filter(function (facet) { return seen[facet] < cards.length; });
  }

  function apply() {
    var left = 0, find = state.find.toLowerCase();
    cards.forEach(function (card) {
      var fits = !state.show || card.dataset.facets.split("|").indexOf(state.show) >= 0;
      fits = fits && card.textContent.toLowerCase().indexOf(find) >= 0;
      card.hidden = !fits;
      left += fits;
    });
    buttons.forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.show === state.show));
    });
    field.value = state.find;
    told.textContent = left === cards.length ? "" : left + " of " + cards.length;
  }

  function read() {
    var words = new URLSearchParams(location.hash.slice(1));
    state = { show: words.get("show") || "", find: words.get("find") || "" };
    apply();
  }

  function write() {
    var words = new URLSearchParams();
    if (state.show) words.set("show", state.show);
    if (state.find) words.set("find", state.find);
    history.replaceState(history.state, "", "#" + words);
    apply();
  }

  function button(facet, name) {
    var made = document.createElement("button");
    made.type = "button";
    made.dataset.show = facet;
    made.textContent = name;
    made.addEventListener("click", function () { state.show = facet; write(); });
    buttons.push(made);
    bar.append(made);
  }

  var known = facets();
  if (known.length < 2 && cards.length < 13) return;
  bar.className = "filter";
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Narrow the cards");
  button("", "all");
  known.forEach(function (facet) { button(facet, facet); });
  if (cards.length > 12) {
    field.type = "search";
    field.placeholder = "Find";
    field.setAttribute("aria-label", "Find among the cards");
    field.addEventListener("input", function () { state.find = field.value; write(); });
    bar.append(field);
  }
  bar.append(told);
  list.before(bar);
  window.addEventListener("hashchange", read);
  read();
})();
