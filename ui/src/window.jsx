// A list of any length of which only what is seen is drawn; each item is as high as the others.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

const HEIGHT = 92, HEIGHT_NARROW = 114, GAP = 8; // on a phone a description has two lines
const narrow = matchMedia("(max-width: 720px)");
const BEYOND = 6; // so many are drawn above and below what is seen

/** @param {{items: any[], draw: (item) => {key, address, body}}} props */
export function Window({ items, draw }) {
  const box = useRef();
  const [range, setRange] = useState([0, 20]);
  const [isNarrow, setNarrow] = useState(narrow.matches);
  const height = isNarrow ? HEIGHT_NARROW : HEIGHT, step = height + GAP;
  const look = () => {
    const top = -box.current.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / step) - BEYOND);
    const last = Math.min(items.length, Math.ceil((top + innerHeight) / step) + BEYOND);
    setRange((before) => (before[0] === first && before[1] === last ? before : [first, last]));
  };
  useLayoutEffect(look, [items, isNarrow]);
  useEffect(() => {
    const turn = () => setNarrow(narrow.matches);
    narrow.addEventListener("change", turn);
    return () => narrow.removeEventListener("change", turn);
  }, []);
  useEffect(() => {
    let frame = 0;
    const onScroll = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(look);
    };
    addEventListener("scroll", onScroll, { passive: true });
    addEventListener("resize", onScroll, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", onScroll);
      removeEventListener("resize", onScroll);
    };
  }, [items, isNarrow]);
  const move = (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const at = by && event.target.closest("a")?.dataset.index;
    if (at === undefined) return;
    event.preventDefault();
    box.current.querySelector(`a[data-index="${Number(at) + by}"]`)?.focus();
  };
  return (
    <div class="window" ref={box} role="list" onKeyDown={move} style={{ height: `${Math.max(0, items.length * step - GAP)}px` }}>
      {items.slice(range[0], range[1]).map((item, index) => {
        const { key, address, body } = draw(item);
        const at = range[0] + index;
        return (
          <div role="listitem" key={key} aria-setsize={items.length} aria-posinset={at + 1} style={{ top: `${at * step}px`, height: `${height}px` }}>
            <a href={address} data-index={at}>{body}</a>
          </div>
        );
      })}
    </div>
  );
}
