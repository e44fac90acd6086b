/// How a report looks: on light and dark ground, on a phone and on paper.
enum ReportStyle {
    /// The series' colours are by M. Okabe and K. Ito, "Color universal design", 2008, told apart by all kinds of colour
    /// vision; `second` is darker on light ground, so that it has contrast. No shade of a cell hides its text: cells take
    /// at most 0.8 of `right` and `wrong`.
    static let css = """
        :root { color-scheme: light; --ground: #ffffff; --text: #1b1b1b; --muted: #595e66; --rule: #d8dbe0; --panel: #f4f5f7;
          --first: #0072b2; --second: #c04f00; --right: 0 114 178; --wrong: 213 94 0 }
        @media screen and (prefers-color-scheme: dark) {
          :root { color-scheme: dark; --ground: #16181c; --text: #ececec; --muted: #a6abb3; --rule: #3a3f46; --panel: #1f2227;
            --first: #56b4e9; --second: #e69f00 }
        }
        * { box-sizing: border-box }
        html { background: var(--ground); color: var(--text); -webkit-text-size-adjust: 100%;
          font: 16px/1.5 system-ui, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums }
        body { margin: 0; padding: 2rem 1rem 3rem; overflow-wrap: anywhere }
        main { max-width: 60rem; margin: 0 auto }
        section { margin-top: 2.75rem }
        h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem }
        h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--rule) }
        p { margin: 0 0 1rem; max-width: 46rem; text-wrap: pretty }
        .kind, .key, caption, figcaption, small { color: var(--muted); font-size: .875rem }
        .kind { margin: 0 }
        dl { margin: 0 }
        dd { margin: 0 }
        .measures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .75rem; margin-bottom: .75rem }
        @media (min-width: 36rem) { .measures { grid-template-columns: repeat(3, minmax(0, 1fr)) } }
        .measures div { background: var(--panel); border-radius: .5rem; padding: .75rem .9rem }
        .measures dt::first-letter { text-transform: uppercase }
        .measures strong { display: block; font-size: 1.5rem; line-height: 1.3; font-weight: 600 }
        .measures span { display: block; font-size: .875rem }
        .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.5rem 2rem; align-items: start }
        .columns > * { min-width: 0 }
        figure { margin: 0; max-width: 32rem }
        figcaption { font-weight: 600; margin-bottom: .25rem }
        figure svg { display: block; width: 100%; height: auto }
        text { font-size: 12px; fill: var(--text) }
        .grid { stroke: var(--rule); fill: none }
        .axis { stroke: var(--muted); fill: none }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round }
        .first-line { stroke: var(--first) }
        .second-line { stroke: var(--second); stroke-dasharray: 6 3 }
        .best { stroke: var(--muted); stroke-width: 1; stroke-dasharray: 2 2 }
        .first-mark { fill: var(--first); stroke: var(--ground); stroke-width: 1.5 }
        .second-mark { fill: var(--second); stroke: var(--ground); stroke-width: 1.5 }
        .bar { fill: var(--first); fill-opacity: .22 }
        .count { fill: var(--muted); fill-opacity: .6 }
        .ideal { stroke: var(--muted); stroke-width: 1.2; stroke-dasharray: 5 4 }
        .gap { stroke: var(--second) }
        .scroll { overflow-x: auto; max-width: 100% }
        .tall { max-height: 32rem; overflow-y: auto }
        table { border-collapse: collapse; font-size: .9rem }
        caption { text-align: start; padding-bottom: .4rem; max-width: calc(100vw - 2rem) }
        th, td { padding: .25rem .65rem; text-align: end; border-bottom: 1px solid var(--rule); white-space: nowrap }
        th { font-weight: 600 }
        tbody th, tfoot th, td.text, th.text, .numbers thead th:first-child { text-align: start }
        .numbers tbody th, .numbers td.text { min-width: 5rem; max-width: 22rem; white-space: normal; overflow-wrap: anywhere }
        .ranges tbody th { white-space: nowrap; font-weight: 400 }
        tfoot tr:first-child > * { border-top: 2px solid var(--rule) }
        .tall thead th { position: sticky; top: 0; background: var(--ground) }
        .score { min-width: 6.5rem; background: linear-gradient(90deg, rgb(var(--right) / .6) var(--part), transparent 0) left bottom / 100% 3px no-repeat content-box }
        .heat { border-collapse: separate; border-spacing: 2px }
        .heat th, .heat td { border: 0; padding: .2rem .35rem; border-radius: 3px }
        .heat td { text-align: center; min-width: 2.4em }
        .heat thead th { text-align: center; vertical-align: bottom }
        .heat th:first-child { position: sticky; left: 0; background: var(--ground); text-align: end; font-weight: 600 }
        .heat thead th:first-child { font-weight: 400; font-size: .8rem; color: var(--muted); white-space: normal; line-height: 1.2 }
        .heat th, .upright { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 11rem }
        .upright { display: inline-block; writing-mode: vertical-rl; transform: rotate(180deg); max-height: 11rem }
        .wide { font-size: .75rem; border-spacing: 1px }
        .heat.wide th, .heat.wide td { padding: .1rem .15rem; min-width: 1.9em }
        .right { background: rgb(var(--right) / var(--shade, 0)) }
        .wrong { background: rgb(var(--wrong) / var(--shade, 0)) }
        .heat .right { outline: 1px solid rgb(var(--right)); outline-offset: -1px }
        .zero { color: var(--muted) }
        .key { margin-top: .5rem }
        .key .right, .key .wrong { color: var(--text); padding: .05rem .35rem; border-radius: 3px; white-space: nowrap }
        .mistakes { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem;
          grid-template-columns: repeat(auto-fill, minmax(min(100%, 9rem), 1fr)) }
        .mistakes li { background: var(--panel); border-radius: .5rem; padding: .6rem; break-inside: avoid }
        .mistakes svg { display: block; width: 100%; height: auto; border: 1px solid var(--rule); border-radius: 3px }
        .mistakes dl { font-size: .85rem; margin-top: .4rem }
        .mistakes dl div { display: flex; justify-content: space-between; gap: .5rem }
        .mistakes dt { color: var(--muted); white-space: nowrap }
        .mistakes dd { text-align: end; min-width: 0 }
        .mistakes div:last-child dd { white-space: nowrap }
        .missing { fill: var(--second) }
        summary { cursor: pointer; margin: .75rem 0 .5rem }
        .command { background: var(--panel); border-radius: .5rem; padding: .75rem .9rem; margin: 0 0 1rem; white-space: pre-wrap;
          font: .875rem/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace }
        .versions td { text-align: start; white-space: normal }
        .versions th { text-align: start; vertical-align: top }
        .score, .right, .wrong, .mistakes li, .measures div { -webkit-print-color-adjust: exact; print-color-adjust: exact }
        @media screen and (max-width: 36rem) {
          th, td { padding: .25rem .4rem }
          .score { min-width: 0 }
          .heat { border-spacing: 1px }
          .heat th, .heat td { padding: .15rem .2rem; min-width: 1.7em }
        }
        @media print {
          @page { margin: 14mm }
          html { font-size: 11pt }
          body { padding: 0 }
          h2 { break-after: avoid }
          section { margin-top: 1.75rem }
          figure, tr, .heat, .measures div, .columns { break-inside: avoid }
          .columns { grid-template-columns: 1fr 1fr }
          .mistakes { grid-template-columns: repeat(4, 1fr) }
          table { font-size: .8rem }
          th, td { padding: .15rem .4rem }
          thead { display: table-header-group }
          .scroll, .tall { overflow: visible; max-height: none }
          .heat th:first-child, .tall thead th { position: static }
          .wide { font-size: 6.5pt }
          .heat.wide th, .heat.wide td { padding: 1px; min-width: 0 }
          details:not([open]) { display: none }
        }
        """
}
