using System;
using System.CommandLine;
using System.IO;
using VirtioGuest.Conform;

var target = new Argument<string>("target") { Description = "whom the verdicts name" };
var own = new Option<string?>("--own") { Description = "run our drivers over our models: all, or split rings only" };
own.AcceptOnlyFromAmong("all", "split");
var trace = new Option<FileInfo[]>("--trace") { Description = "judge what QEMU has traced" };
var last = new Option<bool>("--last") { Description = "of a trace judge only the last driver, and no firmware" };
var known = new Option<FileInfo?>("--known") { Description = "the list of known failures" };
var output = new Option<DirectoryInfo>("--out") { Description = "where the reports go", Required = true };
var command = new RootCommand("Judges virtio drivers and writes the reports.")
{
    target, own, trace, last, known, output,
};
command.SetAction(parsed => Judgement.Run(new JudgementOptions(
    parsed.GetRequiredValue(target),
    parsed.GetValue(own),
    parsed.GetValue(trace) ?? [],
    parsed.GetValue(last),
    parsed.GetValue(known)?.FullName,
    parsed.GetRequiredValue(output).FullName)));
return command.Parse(args).Invoke();
