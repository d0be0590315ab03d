using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Net;
using VirtioGuest.Simulation;

namespace VirtioGuest.Kernel.Tests;

/// <summary>
/// The walks of docs/architecture.md are those that really happen: at each access to a register or to memory that a
/// device shares, and at each hand-over, the files are noted that are on the stack. With VIRTIOGUEST_WRITE_DOCS=1 the
/// walks are written instead of compared.
/// </summary>
[TestFixture]
internal sealed class WalkTests
{
    private const string Start = "<!-- Walked by the tests from here: VIRTIOGUEST_WRITE_DOCS=1 -->\n";
    private const string End = "<!-- to here -->\n";
    private const int MostDown = 16;
    private const int MostBack = 8;
    private const int MostBackByHandler = 11;
    private const string Waiting = "Kernel/Services/Block/DiskDevice.cs";

    private static readonly string[] s_projects = ["Kernel", "Commands", "Net", "Drivers", "Pci", "Hal"];

    [Test]
    public void The_walks_of_the_document_are_those_that_happen()
    {
        (string[] down, string[] back) = WalkRead(hasClaims: true);
        (string[] same, string[] handler) = WalkRead(hasClaims: false);
        string[] reply = WalkReply();
        Assert.That(same, Is.EqualTo(down));
        Assert.That(down, Has.Length.LessThanOrEqualTo(MostDown), string.Join(", ", down));
        Assert.That(back, Has.Length.LessThanOrEqualTo(MostBack), string.Join(", ", back));
        Assert.That(handler, Has.Length.LessThanOrEqualTo(MostBackByHandler), string.Join(", ", handler));

        string walks = Render("A read, from the prompt to the notification", down)
            + Render("and back, from the interrupt that the reader has claimed and waits for", back)
            + Render("The same where it cannot be claimed, from the interrupt to whoever waits", handler)
            + Render("A received frame, from the interrupt to the notification of its ping reply", reply);
        string file = Path.Combine(
            typeof(WalkTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
                .Single(each => each.Key == "Repository").Value!,
            "docs",
            "architecture.md");
        string text = File.ReadAllText(file);
        int start = text.IndexOf(Start, StringComparison.Ordinal) + Start.Length;
        int end = text.IndexOf(End, StringComparison.Ordinal);
        Assert.That(start >= Start.Length && end >= start, Is.True, "the marks of the walks are missing");
        if (Environment.GetEnvironmentVariable("VIRTIOGUEST_WRITE_DOCS") == "1")
        {
            File.WriteAllText(file, text[..start] + walks + text[end..]);
        }

        Assert.That(File.ReadAllText(file)[start..].Split(End)[0], Is.EqualTo(walks));
    }

    private static (string[] Down, string[] Back) WalkRead(bool hasClaims)
    {
        // Memory as a PC has it: hand-overs need nothing.
        using ModelBench<BlockDevice> bench = DiskBench.Create(memory: new SimulatedDmaOptions());
        Disk? disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out Failure? failure);
        Assert.That(disk, Is.Not.Null, failure?.ToString());
        var shell = new ShellBench(disk);

        // Once before, so that what happens the first time only is no part of it.
        shell.Run("blk 0 checksum 0 8");
        bench.Model.RunsWhenNotified = false;
        bench.Machine.Messages.HasClaims = hasClaims;
        int before = bench.Writes.Count;
        var down = new Walk();
        Task<string> reading = Task.Run(() => down.Follow(bench.Machine, () => shell.Run("blk 0 checksum 0 8")));
        Assert.That(() => bench.Writes.Count > before, Is.True.After(10_000, 5));

        // From here on it is the way back: of the reader itself, or of whom the interrupt calls.
        var back = new Walk(hasClaims ? Waiting : null);
        if (hasClaims)
        {
            down.GoOnWith(back);
            bench.Model.Run();
        }
        else
        {
            back.Follow(bench.Machine, () =>
            {
                bench.Model.Run();
                return "";
            });
        }

        Assert.That(reading.Wait(TimeSpan.FromSeconds(10)), Is.True);
        Assert.That(reading.Result, Does.Match("^[0-9a-f]{8}$"));
        return (down.Files, back.Files);
    }

    private static string[] WalkReply()
    {
        using ModelBench<NetDevice> bench = NetBench.Create(mac: [0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
        bench.Model.OfferedFeatures |= NetFeature.Mac;
        VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out Failure? failure);
        Assert.That(link, Is.Not.Null, failure?.ToString());
        link!.PlanLook = static () => { };
        var port = new NetworkPort("net0", link!);
        link!.Connect(port.Stack);
        Assert.That(port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.1"), 24, IPv4Address.Any), Is.True);
        byte[] arp = Convert.FromHexString(
            "FFFFFFFFFFFF" + "020000000002" + "0806" + "0001" + "0800" + "06" + "04" + "0001"
            + "020000000002" + "0A000002" + "000000000000" + "0A000001");
        byte[] echo = Convert.FromHexString(
            "525400123456" + "020000000002" + "0800"
            + "4500001C" + "00000000" + "40010000" + "0A000002" + "0A000001" + "0800000000010001");
        BinaryPrimitives.WriteUInt16BigEndian(echo.AsSpan(24), Checksum(echo.AsSpan(14, 20)));
        BinaryPrimitives.WriteUInt16BigEndian(echo.AsSpan(36), Checksum(echo.AsSpan(34, 8)));
        Assert.That(bench.Deliver(arp), Is.True);
        Assert.That(bench.Deliver(echo), Is.True);
        int before = bench.Model.SentFrames.Count;

        var walk = new Walk();
        walk.Follow(bench.Machine, () => bench.Deliver(echo).ToString());

        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(before + 1));
        Assert.That(bench.Model.SentFrames[^1][34], Is.Zero, "it is an echo reply");
        return walk.Files;
    }

    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        return (ushort)~((sum & 0xFFFF) + (sum >> 16));
    }

    private static string Render(string title, string[] files) =>
        $"{title}: {files.Length} files.\n\n"
        + string.Concat(files.Select((file, i) => $"{i + 1}. `{file}`\n")) + "\n";

    /// <summary>The files that are on the stack when something happens between driver and device.</summary>
    /// <param name="from">Where it begins; null for the outermost call.</param>
    private sealed class Walk(string? from = null)
    {
        private readonly List<string> _files = [];
        private Walk? _next;

        public string[] Files => [.. _files];

        public string Follow(SimulatedMachine machine, Func<string> work)
        {
            using var steps = new Steps(machine);
            void Note()
            {
                Take(new StackTrace(fNeedFileInfo: true));
                steps.Arm(0, Note);
            }

            steps.Arm(0, Note);
            string result = work();
            machine.BeforeRegister = null;
            machine.Memory.BeforeHandOver = null;
            return result;
        }

        /// <summary>What happens from now on belongs to another walk.</summary>
        public void GoOnWith(Walk next) => Volatile.Write(ref _next, next);

        private static string NameOf(StackFrame frame)
        {
            string path = (frame.GetFileName() ?? "").Replace('\\', '/');
            int source = path.LastIndexOf("/src/", StringComparison.Ordinal);
            return source < 0 ? "" : path[(source + "/src/".Length)..];
        }

        private void Take(StackTrace trace)
        {
            // From the outermost call inwards. What has no driver on the stack is the device's own doing.
            if (Volatile.Read(ref _next) is { } next)
            {
                next.Take(trace);
                return;
            }

            string[] names =
                [.. trace.GetFrames().Reverse().Select(NameOf).SkipWhile(name => from is not null && name != from)];
            if (Array.Exists(names, name => name.StartsWith("Drivers/", StringComparison.Ordinal)))
            {
                _files.AddRange(names.Where(name => s_projects.Contains(name.Split('/')[0])).Except(_files));
            }
        }
    }
}
