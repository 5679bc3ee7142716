package flame

// colors is how many there are for packages: mg-p0, mg-p1 and so on.
const colors = 8

// CSS gives the pictures their colors, light or dark as the reader prefers. A
// page may set the properties of :root anew. Text stands out from each of them
// at least 4.5 to 1, and the edges of frames at least 3 to 1.
const CSS = `:root{--mg-flame-text:#1b1f24;--mg-flame-edge:#4d5660;--mg-flame-focus:#0a3069;
--mg-p0:#f7c2a3;--mg-p1:#f5d58c;--mg-p2:#d5e08f;--mg-p3:#a9dfb0;--mg-p4:#9fdcd8;--mg-p5:#adcff5;--mg-p6:#cfc4f5;--mg-p7:#f2bfdc;
--mg-root:#d8dee4;--mg-faded:#eceff2;--mg-match:#ffe600;--mg-grew:#f7b7a3;--mg-new:#f0a3c0}
@media (prefers-color-scheme:dark){:root{--mg-flame-text:#f2f4f6;--mg-flame-edge:#b4bcc5;--mg-flame-focus:#ffffff;
--mg-p0:#7d3c1a;--mg-p1:#66500c;--mg-p2:#47570f;--mg-p3:#1d5a2e;--mg-p4:#0f5754;--mg-p5:#1f4e80;--mg-p6:#4f4292;--mg-p7:#7a3160;
--mg-root:#3d444d;--mg-faded:#262c33;--mg-match:#8a0fa8;--mg-grew:#86311f;--mg-new:#7f2350}}
.mg-flame{display:block;width:100%;font:12px/1 system-ui,sans-serif}
.mg-frame{text-decoration:none}
.mg-frame rect{stroke:var(--mg-flame-edge);stroke-width:1}
.mg-frame text{fill:var(--mg-flame-text);pointer-events:none}
.mg-frame:hover rect{stroke:var(--mg-flame-focus);stroke-width:3}
.mg-frame:focus{outline:none}
.mg-frame:focus-visible rect{stroke:var(--mg-flame-focus);stroke-width:6}
.mg-p0{fill:var(--mg-p0)}.mg-p1{fill:var(--mg-p1)}.mg-p2{fill:var(--mg-p2)}.mg-p3{fill:var(--mg-p3)}
.mg-p4{fill:var(--mg-p4)}.mg-p5{fill:var(--mg-p5)}.mg-p6{fill:var(--mg-p6)}.mg-p7{fill:var(--mg-p7)}
.mg-root{fill:var(--mg-root)}.mg-faded{fill:var(--mg-faded)}.mg-grew{fill:var(--mg-grew)}.mg-new{fill:var(--mg-new)}
.mg-match{fill:var(--mg-match)}.mg-match text{font-weight:700}
@media (forced-colors:active){.mg-flame{forced-color-adjust:none}}
`
