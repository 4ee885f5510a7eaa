/* The walk as one strip that is scrubbed from the input to the class: a slider, its arrow keys, or Play show stage after
   stage at one place; the address remembers (#at=5). Without this script the walk below it is all there is. */
(function () {
  "use strict";
  var element = window.innerview.element, address = window.innerview.address;
  var walk = document.querySelector("[data-scrub]");
  if (!walk) return;
  var stages = [], timer = 0, beat = 900, place = 0; // milliseconds

  function stage(title, words, picture, link, rest) {
    stages.push({ title: title, words: words, picture: picture, link: link, rest: rest });
  }

  var input = document.querySelector(".page-header__pictures .figure:last-child .picture");
  var about = input && input.closest(".figure").querySelector("figcaption span");  // a figure may have no caption
  if (input) stage("The input", about ? about.textContent : "", input, "");
  walk.querySelectorAll(".layers__step").forEach(function (step) {
    var facts = Array.prototype.map.call(step.querySelectorAll(".layers__facts span"), function (fact) { return fact.textContent; });
    stage(step.querySelector("h3").textContent, facts.join(", "), step.querySelector(".layers__picture > .picture"), "#" + step.id,
      step.querySelector(".layers__picture > .bars"));
  });
  if (stages.length < 2) return;

  /* --- what is seen --- */

  var box = element("div", "scrub"), mount = element("div", "scrub__canvas"), words = element("div", "scrub__words");
  var title = element("b", "scrub__title"), said = element("span", "scrub__status"), link = element("a", "scrub__link", "more below");
  var bar = element("div", "scrub__bar"), slider = element("input", ""), play = element("button", "scrub__play", "Play");
  var blocks = Array.prototype.slice.call(walk.parentNode.querySelectorAll(".architecture__block"));
  slider.type = "range";
  slider.min = 0;
  slider.max = stages.length - 1;
  slider.setAttribute("aria-label", "Stage, from the input to the classes");
  play.type = "button";
  words.append(title, said, link);
  bar.append(play, slider);
  box.append(bar, words, mount);

  function show(next) {
    place = Math.min(stages.length - 1, Math.max(0, next));
    var now = stages[place];
    slider.value = place;
    slider.setAttribute("aria-valuetext", place + ": " + now.title + (now.words ? ", " + now.words : ""));
    title.textContent = now.title;
    said.textContent = now.words;
    link.hidden = !now.link;
    link.href = now.link || "#";
    mount.textContent = "";
    if (now.rest) mount.append(now.rest.cloneNode(true));
    else if (now.picture) mount.append(enlarged(now.picture));
    blocks.forEach(function (block, number) {
      var here = number === place - (input ? 1 : 0);
      block.classList.toggle("is-here", here);
    });
  }

  /* The picture of a stage, as large as the place allows, by whole steps. */
  function enlarged(picture) {
    var old = picture.querySelector("img");
    if (!old) return picture.cloneNode(true); // it failed, or there is none: the words in its place
    var frame = picture.cloneNode(false), image = element("img", "");
    var width = Number(old.getAttribute("width")), height = Number(old.getAttribute("height"));
    var room = Math.min(mount.clientWidth / width, mount.clientHeight / height) || 1;
    var scale = room >= 2 ? Math.floor(room) : room;
    image.src = old.src;
    image.alt = old.alt;
    image.width = Math.round(width * scale);
    image.height = Math.round(height * scale);
    frame.classList.remove("picture--fade");
    frame.removeAttribute("data-zoom"); // which goes along the pictures below
    frame.append(image);
    return frame;
  }

  /* --- moving --- */

  function go(next) {
    show(next);
    address.set({ at: place }, fromAddress);
  }

  function rest() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  function run() {
    if (place === stages.length - 1) go(0);
    play.textContent = "Pause";
    timer = setInterval(function () {
      go(place + 1);
      if (place === stages.length - 1) rest();
    }, beat);
  }

  function fromAddress() {
    if (!/^\d+$/.test(address.get("at"))) return;
    rest();
    show(Number(address.get("at")));
  }

  slider.addEventListener("input", function () {
    rest();
    go(Number(slider.value));
  });
  play.addEventListener("click", function () {
    if (timer) rest();
    else run();
  });
  window.innerview.keys.list("Layer by layer, while the slider has the keyboard", [
    ["← →", "Previous or next stage"], ["Home, End", "The input or the classes"]
  ]);
  address.keep(["at"], fromAddress);
  window.addEventListener("resize", function () { show(place); });

  walk.before(box);
  show(0);
  if (address.get("at")) {
    fromAddress();
    box.scrollIntoView({ block: "center" });
  }
})();
