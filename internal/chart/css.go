package chart

// Colors is how many there are for segments and series without a class:
// mg-c0, mg-c1 and so on, each line with dashes of its own.
const Colors = 8

// Classes with a color, and as a line dashes, of their own.
const (
	ClassLimit      = "mg-limit"
	ClassThreshold  = "mg-threshold"
	ClassGoMemLimit = "mg-gomemlimit"
	ClassDump       = "mg-dump"
	ClassGC         = "mg-gc"
	// ClassFree is what a bar has left.
	ClassFree = "mg-free"
)

// BoxKey draws the color of a class for the legend of a bar.
func BoxKey(class string) string {
	return key(class, `<rect class="mg-seg `, `" width="100%" height="100%"/></svg>`)
}

// LineKey draws the line of a class for the legend of a chart.
func LineKey(class string) string {
	return key(class, `<path class="mg-line `, `" d="M0 6H28"/></svg>`)
}

func key(class, before, after string) string {
	if class == ClassFree {
		before = `<rect class="`
	}
	dst := append([]byte(`<svg xmlns="http://www.w3.org/2000/svg" class="mg-key" width="28" height="12" aria-hidden="true">`), before...)
	dst = appendClass(dst, class, "mg-c0")
	return string(append(dst, after...))
}

// Class is that of a series, for the legend.
func (c *Chart) Class(i int) string {
	return string(appendSeriesClass(nil, c.Series[i].Class, i))
}

// CSS gives the pictures their colors, light or dark as the reader prefers. A
// page may set the properties of :root anew. The eight are told apart with
// each of the common color blindnesses, and stand out from the background at
// least 3 to 1; text does at least 4.5 to 1.
const CSS = `:root{
--mg-bg:#ffffff;--mg-text:#1b1f24;--mg-muted:#57606a;--mg-grid:#d8dee4;--mg-free:#f3f5f7;
--mg-c0:#0a5c9e;--mg-c1:#cf7a00;--mg-c2:#2f6f2a;--mg-c3:#b97fae;--mg-c4:#2b3138;--mg-c5:#7d3200;--mg-c6:#2f93e0;--mg-c7:#94854a;
--mg-limit:#b3001b;--mg-threshold:#9a4f00;--mg-gomemlimit:#6b3fa0;--mg-dump:#1b1f24;--mg-gc:#57606a}
@media (prefers-color-scheme:dark){:root{
--mg-bg:#14171a;--mg-text:#e6e8eb;--mg-muted:#a3acb5;--mg-grid:#30363c;--mg-free:#1e2328;
--mg-c0:#4a9fe0;--mg-c1:#e69f00;--mg-c2:#009e73;--mg-c3:#cc79a7;--mg-c4:#f0e442;--mg-c5:#d55e00;--mg-c6:#a6dcff;--mg-c7:#c9c9c9;
--mg-limit:#ff8a8a;--mg-threshold:#ffc266;--mg-gomemlimit:#c9a6ff;--mg-dump:#e6e8eb;--mg-gc:#a3acb5}}
@media (forced-colors:active){:root{--mg-bg:Canvas;--mg-text:CanvasText;--mg-muted:CanvasText}}
.mg-bar,.mg-chart{display:block;width:100%;box-sizing:border-box;overflow:visible;font:12px/1 system-ui,sans-serif;forced-color-adjust:none}
.mg-chart{padding:0 2px 0 64px}
.mg-label,.mg-none{fill:var(--mg-text)}
.mg-chart .mg-label{fill:var(--mg-muted);font-size:11px}
.mg-grid,.mg-base{stroke:var(--mg-grid);stroke-width:1;shape-rendering:crispEdges}
.mg-base{stroke:var(--mg-muted)}
.mg-free{fill:var(--mg-free);stroke:var(--mg-muted);stroke-width:1}
.mg-seg{fill:currentColor;stroke:var(--mg-bg);stroke-width:1}
.mg-seg.mg-thin{stroke:none}
.mg-seg:hover{opacity:.8}
.mg-line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:butt}
.mg-halo{stroke:var(--mg-bg);stroke-width:5}
.mg-event{fill:none;stroke:currentColor;stroke-width:1}
.mg-guide{fill:none;stroke:var(--mg-text);stroke-width:1;visibility:hidden}
.mg-strip:hover .mg-guide{visibility:visible}
.mg-key{display:inline-block;vertical-align:middle;overflow:visible}
.mg-c0{color:var(--mg-c0)}.mg-c1{color:var(--mg-c1)}.mg-c2{color:var(--mg-c2)}.mg-c3{color:var(--mg-c3)}
.mg-c4{color:var(--mg-c4)}.mg-c5{color:var(--mg-c5)}.mg-c6{color:var(--mg-c6)}.mg-c7{color:var(--mg-c7)}
.mg-limit{color:var(--mg-limit)}.mg-threshold{color:var(--mg-threshold)}.mg-gomemlimit{color:var(--mg-gomemlimit)}
.mg-dump{color:var(--mg-dump)}.mg-gc{color:var(--mg-gc)}
.mg-line.mg-c0{stroke-width:2.5}.mg-line.mg-c1{stroke-width:1.25}
.mg-line.mg-c2{stroke-dasharray:14 3}.mg-line.mg-c3{stroke-dasharray:7 3}.mg-line.mg-c4{stroke-dasharray:3 2}
.mg-line.mg-c5{stroke-dasharray:14 3 3 3}.mg-line.mg-c6{stroke-dasharray:7 3 2 3 2 3}.mg-line.mg-c7{stroke-dasharray:1 3}
.mg-line.mg-limit,.mg-limit .mg-line{stroke-dasharray:9 4}
.mg-line.mg-threshold,.mg-threshold .mg-line{stroke-dasharray:2 3}
.mg-line.mg-gomemlimit,.mg-gomemlimit .mg-line{stroke-dasharray:10 3 2 3}
.mg-event.mg-gc{stroke-dasharray:1 4}
`
