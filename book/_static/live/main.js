// Puts the live pictures of a page in their places, where static ones stand until then.

import { dance } from "./dance.js";
import { fan } from "./fan.js";
import { level } from "./level.js";
import { make } from "./page.js";
import { pull } from "./pull.js";
import { spend } from "./spend.js";
import { addPalette } from "./strategy_looks.js";

const PICTURES = { dance, fan, level, pull, spend };

addPalette();
for (const place of document.querySelectorAll(".live-picture")) {
  const { picture, large, playground } = place.dataset;
  try {
    const body = PICTURES[picture]({ large: large !== undefined, playground });
    place.querySelector(".live-static")?.replaceWith(make("div", { class: "live-body" }, ...body));
    place.classList.add("live-ready");
  } catch (error) {
    console.error(`The picture ${picture} failed; its static form stays.`, error);
  }
}
