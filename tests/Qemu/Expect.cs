using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Expectations that many tests share.</summary>
internal static class Expect
{
    /// <summary>The guest came through the door that it was sent to, on the runtime that it was built for.</summary>
    public static void FirstLine(Transcript transcript, Door door)
    {
        Match? line = transcript.Start
            .Select(text => Regex.Match(text, Harness.FirstLine.Pattern))
            .FirstOrDefault(match => match.Success);
        Assert.That(line, Is.Not.Null, "The guest's first line is missing.");
        Assert.That(line!.Groups["door"].Value, Is.EqualTo(Harness.FirstLine.Protocol(door)));
    }

    /// <summary>The report of the command <c>selftest</c> keeps to its plan, and nothing in it failed.</summary>
    public static TapReport PassedSelfTest(Transcript transcript)
    {
        TapReport report = TapReport.Parse(transcript.OutputOf("selftest"));
        Assert.That(report.Failures, Is.Empty);
        Assert.That(report.Results.Any(result => !result.IsSkipped), Is.True, "Every self-test was skipped.");
        return report;
    }

    /// <summary>The line of a disk that is driven.</summary>
    public static string BoundDisk(int index, DiskImage image, string ring = "packed")
    {
        return $@"^disk{index}: virtio-blk at 00:{QemuCommandLine.FirstDiskSlot + index:x2}\.0, " +
            $@"{image.Sectors} sectors \([^)]+\), .*" + ring + " ring";
    }

    /// <summary>The line of a network card that is driven.</summary>
    public static string BoundNic(int index)
    {
        return $@"^net{index}: virtio-net at 00:{QemuCommandLine.FirstNicSlot + index:x2}\.0, " +
            $"{QemuCommandLine.MacAddress(index)}, .*packed ring";
    }

    /// <summary>One line that says what went wrong, or how the command is called.</summary>
    public static void Refusal(Transcript transcript, string command, string start)
    {
        Assert.That(transcript.OutputOf(command), Has.Count.EqualTo(1), command);
        Assert.That(transcript.TextOf(command), Does.StartWith(start), command);
    }
}
