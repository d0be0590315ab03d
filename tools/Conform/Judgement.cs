using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using VirtioGuest.Conform.Own;
using VirtioGuest.Conform.Served;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Conformance.Reports;
using VirtioGuest.Conformance.Traces;

namespace VirtioGuest.Conform;

/// <summary>What is to be judged.</summary>
/// <param name="Target">Whom verdicts name.</param>
/// <param name="Models">Whether the device models are judged, this project's or kvm-host's; null for none.</param>
/// <param name="Own">Which rings our own drivers run with: <c>all</c>, <c>split</c>, or null for not at all.</param>
/// <param name="Served">The folders of machines whose devices are served until the input ends.</param>
/// <param name="Odd">What these devices do that few do; null for nothing.</param>
/// <param name="IsOnlyServed">Whether these devices are only there, and their drivers not judged.</param>
/// <param name="Reports">What <c>conform</c> wrote to the serial lines of guests.</param>
/// <param name="Traces">What QEMU has traced.</param>
/// <param name="OnlyLast">Whether of a trace only the last driver of each device is judged.</param>
/// <param name="Known">The list of known failures; null for none.</param>
/// <param name="Output">Where the reports go.</param>
internal sealed record JudgementOptions(
    string Target,
    string? Models,
    string? Own,
    IReadOnlyList<string> Served,
    OddDevice? Odd,
    bool IsOnlyServed,
    IReadOnlyList<FileInfo> Reports,
    IReadOnlyList<FileInfo> Traces,
    bool OnlyLast,
    string? Known,
    string Output,
    RecordOptions? Record);

/// <summary>How a run is kept with the sources.</summary>
/// <param name="Folder">Where.</param>
/// <param name="Command">What was typed.</param>
/// <param name="Versions">What was judged and with what.</param>
internal sealed record RecordOptions(string Folder, string Command, string Versions);

/// <summary>Judges, prints and writes the reports.</summary>
internal static class Judgement
{
    private const int Good = 0;
    private const int Bad = 1;
    private const int Senseless = 2;

    /// <summary>What tells whoever starts machines that their devices are there.</summary>
    private const string ServingLine = "serving";

    /// <summary>Does it, and gives the exit status: 0 good, 1 failures, 2 nothing could be judged.</summary>
    public static int Run(JudgementOptions options)
    {
        try
        {
            KnownFailures known = options.Known is { } list ? KnownFailures.ReadFile(list) : KnownFailures.Read([]);
            List<Verdict> verdicts = [];
            List<Verdict> served = JudgeServed(options);
            if (options.Own is not null)
            {
                verdicts.AddRange(OwnDriver.Judge($"{options.Target}/models", options.Own == "all"));
            }

            verdicts.AddRange(options.Models switch
            {
                "ours" => OwnDevices.JudgeModels(options.Target),
                "kvm-host" => OwnDevices.JudgeMinimal(options.Target),
                _ => [],
            });
            verdicts.AddRange(options.IsOnlyServed ? [] : served);
            verdicts.AddRange(options.Reports.SelectMany(each => JudgeReport(options.Target, each)));
            foreach (FileInfo each in options.Traces)
            {
                verdicts.AddRange(JudgeTrace(options, each));
            }

            if (verdicts.Count == 0)
            {
                Console.Error.WriteLine($"{options.Target}: nothing used a virtio device");
                return Senseless;
            }

            ConformanceRun run = new(
                $"virtio conformance of {options.Target}", [.. verdicts.Select(known.Apply)]);
            SummaryText.Write(run, Console.Out);
            SummaryText.WriteCoverage(Console.Out);
            ReportFolder.Write(run, options.Output, FileNameOf(options.Target));
            if (options.Record is { } record)
            {
                RecordReport.Write(run, record.Folder, FileNameOf(options.Target), record.Command, record.Versions);
            }

            return run.IsGood ? Good : Bad;
        }
        catch (Exception failure) when (failure is FormatException or IOException or SocketException)
        {
            Console.Error.WriteLine($"{options.Target}: {failure.Message}");
            return Senseless;
        }
    }

    /// <summary>Serves the devices of machines until the input ends, as whoever started the machines says.</summary>
    private static List<Verdict> JudgeServed(JudgementOptions options)
    {
        List<ServedMachine> machines = [];
        try
        {
            foreach (string folder in options.Served)
            {
                machines.Add(new ServedMachine(options.Target, folder, options.Odd));
            }

            if (machines.Count != 0)
            {
                Console.WriteLine(ServingLine);
                while (Console.In.ReadLine() is not null)
                {
                }
            }

            return [.. machines.SelectMany(each => each.Conclude(options.OnlyLast))];
        }
        finally
        {
            machines.ForEach(each => each.Dispose());
        }
    }

    private static IReadOnlyList<Verdict> JudgeReport(string target, FileInfo file)
    {
        using StreamReader reader = file.OpenText();
        IReadOnlyList<Verdict> verdicts = GuestTap.Read(target, FormOf(target, file), reader);
        Console.WriteLine($"{file.Name}: {verdicts.Count} tests");
        return verdicts;
    }

    private static IReadOnlyList<Verdict> JudgeTrace(JudgementOptions options, FileInfo file)
    {
        using StreamReader reader = file.OpenText();
        QemuTrace trace = QemuTrace.Read(reader);
        Console.WriteLine($"{file.Name}: {trace.Accesses} accesses, {string.Join(", ", trace.Devices)}");
        if (trace.IsCut)
        {
            Console.WriteLine($"{file.Name} ends in the middle of a line; what comes before it is judged");
        }

        if (trace.LegacyAccesses != 0)
        {
            Console.WriteLine(
                $"{file.Name} has {trace.LegacyAccesses} accesses to the legacy interface, which is not judged");
        }

        return trace.Judge(options.Target, options.OnlyLast, FormOf(options.Target, file));
    }

    /// <summary>What a trace is called that one of several runs of a target has left.</summary>
    private static string FormOf(string target, FileInfo file)
    {
        string name = Path.GetFileNameWithoutExtension(file.Name);
        return name.StartsWith($"{target}-", StringComparison.Ordinal) ? name[(target.Length + 1)..] : string.Empty;
    }

    private static string FileNameOf(string target) =>
        string.Concat(target.Select(each => char.IsAsciiLetterOrDigit(each) || each is '-' or '.' ? each : '_'));
}
