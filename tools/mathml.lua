-- Formulas as MathML, as Quarto writes them: pandoc's Markdown would make emphasis of their letters, which run into each other.
function Math(formula)
  local html = pandoc.write(pandoc.Pandoc{pandoc.Plain{formula}}, "html", {html_math_method = "mathml"})
  return pandoc.RawInline("html", (html:gsub("<annotation.-</annotation>", "")))
end
