using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using VirtioGuest.Conform;
using VirtioGuest.Conformance.Models;

var target = new Argument<string>("target") { Description = "whom the verdicts name" };
var own = new Option<string?>("--own") { Description = "run our drivers over our models: all, or split rings only" };
own.AcceptOnlyFromAmong("all", "split");
var serve = new Option<string[]>("--serve")
{
    Description = "serve the devices of a machine over vhost-user, in this folder, until the input ends",
};
var odd = new Option<string?>("--odd") { Description = "what these devices do that few devices do" };
odd.AcceptOnlyFromAmong([.. OddDevice.All.Select(each => each.Name)]);
var trace = new Option<FileInfo[]>("--trace") { Description = "judge what QEMU has traced" };
var last = new Option<bool>("--last") { Description = "of a trace judge only the last driver, and no firmware" };
var known = new Option<FileInfo?>("--known") { Description = "the list of known failures" };
var output = new Option<DirectoryInfo>("--out") { Description = "where the reports go", Required = true };
var command = new RootCommand("Judges virtio drivers and writes the reports.")
{
    target, own, serve, odd, trace, last, known, output,
};
command.SetAction(parsed => Judgement.Run(new JudgementOptions(
    parsed.GetRequiredValue(target),
    parsed.GetValue(own),
    parsed.GetValue(serve) ?? [],
    OddDevice.Find(parsed.GetValue(odd)),
    parsed.GetValue(trace) ?? [],
    parsed.GetValue(last),
    parsed.GetValue(known)?.FullName,
    parsed.GetRequiredValue(output).FullName)));
return command.Parse(args).Invoke();
