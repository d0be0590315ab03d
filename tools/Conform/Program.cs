using System;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.IO;
using System.Linq;
using VirtioGuest.Conform;
using VirtioGuest.Conformance.Models;

var target = new Argument<string>("target") { Description = "whom the verdicts name" };
var own = new Option<string?>("--own") { Description = "run our drivers over our models: all, or split rings only" };
own.AcceptOnlyFromAmong("all", "split");
var models = new Option<string?>("--models") { Description = "judge device models: this project's, or kvm-host's" };
models.AcceptOnlyFromAmong("ours", "kvm-host");
var onlyServe = new Option<bool>("--only-serve") { Description = "judge no drivers of devices that are served" };
var tap = new Option<FileInfo[]>("--tap") { Description = "take over what conform wrote to a guest's serial line" };
var record = new Option<string[]>("--record")
{
    Description = "keep the run in a folder; the command that was typed; what was judged and with what",
    Arity = new ArgumentArity(3, 3),
    AllowMultipleArgumentsPerToken = true,
};
var serve = new Option<string[]>("--serve")
{
    Description = "serve the devices of a machine over vhost-user, in this folder, until the input ends",
};
var odd = new Option<string?>("--odd") { Description = "what these devices do that few devices do" };
odd.AcceptOnlyFromAmong([.. OddDevice.Served.Select(each => each.Name)]);
var trace = new Option<FileInfo[]>("--trace") { Description = "judge what QEMU has traced" };
var last = new Option<bool>("--last") { Description = "of a trace judge only the last driver, and no firmware" };
var known = new Option<FileInfo?>("--known") { Description = "the list of known failures" };
var output = new Option<DirectoryInfo>("--out") { Description = "where the reports go", Required = true };
var command = new RootCommand("Judges virtio drivers and writes the reports.")
{
    target, models, own, serve, odd, onlyServe, tap, trace, last, known, output, record,
};
command.SetAction(parsed => Judgement.Run(new JudgementOptions(
    parsed.GetRequiredValue(target),
    parsed.GetValue(models),
    parsed.GetValue(own),
    parsed.GetValue(serve) ?? [],
    OddDevice.Find(parsed.GetValue(odd)),
    parsed.GetValue(onlyServe),
    parsed.GetValue(tap) ?? [],
    parsed.GetValue(trace) ?? [],
    parsed.GetValue(last),
    parsed.GetValue(known)?.FullName,
    parsed.GetRequiredValue(output).FullName,
    parsed.GetValue(record) is [string folder, string typed, string versions]
        ? new RecordOptions(folder, typed, versions)
        : null)));
ParseResult line = command.Parse(args);
foreach (ParseError error in line.Errors)
{
    Console.Error.WriteLine(error.Message);
}

return line.Errors.Count == 0 ? line.Invoke() : 2;
