package tool

// dataTools are the tools that move records, and those that work on files.
var dataTools = []Tool{}
