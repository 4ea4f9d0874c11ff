/* What a screen reader says by itself: little, and never the same state again. The page shows the rest. */

export function announce(words) {
  const place = document.getElementById("announcer");
  if (place) place.textContent = words;
}
