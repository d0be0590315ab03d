using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Capture;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

/// <summary>Capture files, read back by a reader that knows the format alone.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class CaptureTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly NetworkPort _port = new("net0", new FakeLink(isUp: true));

    [Test]
    public void A_disk_has_every_frame_of_both_ways_and_what_belongs_around_them()
    {
        using var model = new ModelDisk(512);
        var bench = new ShellBench(model.Disk, _port);

        Assert.That(
            bench.Run("net 0 capture disk 0"),
            Is.EqualTo("net0: capturing at the start of disk0, which is overwritten"));
        byte[][] received = [.. Enumerable.Range(60, 7).Select(Frame)];
        foreach (byte[] frame in received)
        {
            _port.Stack.OnFrame(frame);
        }

        _port.Stack.TrySetStatic(new(10, 0, 2, 15), 24, new(10, 0, 2, 2));
        string end = bench.Run("net 0 capture stop");

        Section file = Section.Read(Content(model));
        Assert.That(end, Is.EqualTo(
            $"net0: captured frames 8, dropped 0, bytes {file.Length} at the start of disk0"));
        Assert.That(file.Link, Is.EqualTo(1), "Ethernet");
        Assert.That(file.SnapLength, Is.EqualTo(FrameCapture.SnapLength));
        Assert.That(Encoding.ASCII.GetString(file.Interface[2]), Is.EqualTo("net0"));
        Assert.That(file.Interface[6], Is.EqualTo((byte[])[0x52, 0x54, 0, 0x12, 0x34, 0x56]));
        Assert.That(file.Interface[9], Is.EqualTo((byte[])[9]), "nanoseconds");
        Assert.That(file.Packets.Take(7).Select(packet => packet.Data), Is.EqualTo(received));
        Assert.That(file.Packets.Select(packet => packet.Direction), Is.EqualTo((uint[])[1, 1, 1, 1, 1, 1, 1, 2]));
        Assert.That(file.Packets[7].Data[12..14], Is.EqualTo((byte[])[8, 6]), "the announcement of the address");
        Assert.That(file.Packets.Select(packet => packet.Time), Is.Ordered);
        Assert.That(
            DateTime.UnixEpoch.AddTicks(file.Packets[0].Time / 100),
            Is.EqualTo(DateTime.UtcNow).Within(TimeSpan.FromMinutes(1)));
        Assert.That((file.Seen, file.Dropped, file.Delivered), Is.EqualTo((8L, 0L, 8L)));
        Assert.That(file.Start, Is.LessThanOrEqualTo(file.Packets[0].Time));
        Assert.That(file.End, Is.GreaterThanOrEqualTo(file.Packets[7].Time));
    }

    [Test]
    public void Blocks_larger_than_sectors_are_written_whole()
    {
        using var model = new ModelDisk(512, blockSize: 4096);
        var bench = new ShellBench(model.Disk, _port);
        bench.Run("net 0 capture disk 0");
        _port.Stack.OnFrame(Frame(100));

        Assert.That(bench.Run("net 0 capture stop"), Does.StartWith("net0: captured frames 1, dropped 0, "));
        Assert.That(Section.Read(Content(model)).Packets.Single().Data, Is.EqualTo(Frame(100)));
    }

    [Test]
    public void A_full_disk_ends_with_a_whole_file()
    {
        using var model = new ModelDisk(256);
        var bench = new ShellBench(model.Disk, _port);
        bench.Run("net 0 capture disk 0");
        FrameCapture capture = _port.Capture!;
        for (int i = 0; i < 200; i++)
        {
            _port.Stack.OnFrame(Frame(1000));
        }

        WaitUntil(() => capture.IsEnded);
        Section file = Section.Read(Content(model));
        Assert.That(file.Packets, Has.Count.EqualTo(125), "what 1,044 bytes each leave room for");
        Assert.That(file.Packets.Select(packet => packet.Data), Has.All.EqualTo(Frame(1000)));
        WaitUntil(() => bench.Output.Text.Contains("net0: captured frames ", StringComparison.Ordinal));
        Assert.That(bench.Run("net 0 capture stop"), Is.EqualTo("error: net0: no capture runs"));
    }

    [TestCase("3", 3)]
    [TestCase("0x2", 2)]
    public void A_number_of_frames_ends_it(string limit, int count)
    {
        var bench = new ShellBench(port: _port);
        bench.Run($"net 0 capture serial {limit}");
        for (int i = 0; i < 5; i++)
        {
            _port.Stack.OnFrame(Frame(60 + i));
        }

        WaitUntil(() => bench.Output.Text.Contains("net0: captured", StringComparison.Ordinal));
        Assert.That(Section.Read(FromLines(bench.Output.Lines)).Packets, Has.Count.EqualTo(count));
    }

    [Test]
    public void Seconds_end_it()
    {
        var bench = new ShellBench(port: _port);
        bench.Run("net 0 capture serial 1s");

        WaitUntil(() => bench.Output.Text.Contains("net0: captured frames 0, dropped 0", StringComparison.Ordinal));
        Section file = Section.Read(FromLines(bench.Output.Lines));
        Assert.That(file.End - file.Start, Is.GreaterThanOrEqualTo(1_000_000_000));
    }

    [Test]
    public void The_serial_line_carries_it_in_pieces_behind_a_mark()
    {
        var bench = new ShellBench(port: _port);
        Assert.That(
            bench.Run("net 0 capture serial"), Does.StartWith("net0: capturing in the lines with \"pcapng net0\""));
        byte[][] frames = [.. Enumerable.Range(0, 300).Select(i => Frame(60 + (i * 5)))];
        foreach (byte[] frame in frames)
        {
            _port.Stack.OnFrame(frame);
        }

        bench.Run("net 0 capture stop");
        Section file = Section.Read(FromLines(bench.Output.Lines));
        Assert.That(file.Packets.Select(packet => packet.Data), Is.EqualTo(frames));
        Assert.That(bench.Output.Lines, Has.All.Length.LessThan(256), "each line is written in one piece");
        Assert.That(bench.Run("net 0 capture serial"), Does.StartWith("net0: capturing "), "once more");
        bench.Run("net 0 capture stop");
    }

    [Test]
    public void What_there_is_no_room_for_is_counted_and_the_rest_is_whole()
    {
        using var target = new SlowTarget();
        FrameCapture capture = FrameCapture.Start(_port, target, default, _ => { });
        Assert.That(target.HasBegun.Wait(s_patience), Is.True, "it waits with the header");
        const int Count = 2000;
        byte[] frame = Frame(1514);
        for (int i = 0; i < Count; i++)
        {
            _port.Stack.OnFrame(frame);
        }

        target.MayGoOn.Set();
        Assert.That(capture.Stop(s_patience), Is.True);
        Section file = Section.Read(target.File.ToArray());
        Assert.That(file.Packets, Has.Count.EqualTo(FrameCapture.BufferLength / 1560), "1,560 bytes a block");
        Assert.That(file.Seen, Is.EqualTo(Count));
        Assert.That(file.Dropped, Is.EqualTo(Count - file.Packets.Count));
        Assert.That(capture.Progress, Does.StartWith($"frames {file.Packets.Count}, dropped {file.Dropped}, "));
    }

    [Test]
    public void A_frame_allocates_nothing()
    {
        using var target = new SlowTarget();
        FrameCapture capture = FrameCapture.Start(_port, target, default, _ => { });
        byte[] frame = Frame(64);
        capture.OnFrame(frame, isSent: true);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20_000; i++)
        {
            capture.OnFrame(frame, isSent: false);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        target.MayGoOn.Set();
        Assert.That(capture.Stop(s_patience), Is.True);
    }

    [Test]
    public void A_disk_that_fails_ends_it_and_says_so()
    {
        using var model = new ModelDisk(512);
        var bench = new ShellBench(model.Disk, _port);
        bench.Run("net 0 capture disk 0");
        model.Disk.Remove();
        _port.Stack.OnFrame(Frame(100));

        Assert.That(bench.Run("net 0 capture stop"), Is.EqualTo(
            "warning: net0: capture failed: the device was removed\nerror: net0: the capture has failed"));
    }

    [Test]
    public void A_machine_that_goes_down_ends_the_file_first()
    {
        using var model = new ModelDisk(512);
        var bench = new ShellBench(model.Disk, _port);
        bench.Run("net 0 capture disk 0");
        _port.Stack.OnFrame(Frame(100));

        bench.Run("poweroff");

        Assert.That(Section.Read(Content(model)).Packets, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_port_that_is_removed_ends_the_file()
    {
        using var model = new ModelDisk(512);
        var bench = new ShellBench(model.Disk, _port);
        bench.Run("net 0 capture disk 0");

        _port.Remove();

        WaitUntil(() => _port.Capture!.IsEnded);
        Assert.That(Section.Read(Content(model)).Packets, Is.Empty);
    }

    [TestCase("net 0 capture")]
    [TestCase("net 0 capture tape")]
    [TestCase("net 0 capture disk")]
    [TestCase("net 0 capture disk x")]
    [TestCase("net 0 capture disk 0 0")]
    [TestCase("net 0 capture disk 0 0s")]
    [TestCase("net 0 capture disk 0 s")]
    [TestCase("net 0 capture disk 0 86401s")]
    [TestCase("net 0 capture disk 0 18446744073709551615")]
    [TestCase("net 0 capture disk 0 1 1")]
    [TestCase("net 0 capture serial 1 1")]
    [TestCase("net 0 capture serial -1")]
    [TestCase("net 0 capture stop now")]
    public void Wrong_arguments_write_nothing(string command)
    {
        using var model = new ModelDisk(512);
        byte[] before = Content(model);

        Assert.That(
            new ShellBench(model.Disk, _port).Run(command),
            Is.EqualTo("usage: net N capture disk D|serial|stop [FRAMES|SECONDSs]"));
        Assert.That(Content(model), Is.EqualTo(before));
    }

    [Test]
    public void Disks_that_cannot_take_it_are_refused()
    {
        using var small = new ModelDisk(255);
        using var readOnly = new ModelDisk(512, isReadOnly: true);
        using var good = new ModelDisk(512);
        Assert.That(
            new ShellBench(small.Disk, _port).Run("net 0 capture disk 0"),
            Is.EqualTo("error: disk0: the disk is too small: a capture takes at least 256 sectors"));
        Assert.That(
            new ShellBench(readOnly.Disk, _port).Run("net 0 capture disk 0"),
            Is.EqualTo("error: disk0: the disk is read-only"));
        var bench = new ShellBench(good.Disk, _port);
        Assert.That(bench.Run("net 0 capture disk 1"), Is.EqualTo("error: there is no disk1"));
        Assert.That(bench.Run("net 0 capture stop"), Is.EqualTo("error: net0: no capture runs"));
        bench.Devices.Add(new NetworkPort("net1", new FakeLink(isUp: true)));
        bench.Run("net 0 capture disk 0");
        Assert.That(bench.Run("net 0 capture serial"), Is.EqualTo("error: net0: a capture runs already"));
        Assert.That(bench.Run("net 1 capture disk 0"), Is.EqualTo("error: disk0: a capture is written to it"));
        bench.Run("net 0 capture stop");
    }

    private static byte[] Frame(int length)
    {
        byte[] frame = [.. Enumerable.Range(length, length).Select(i => (byte)i)];
        ((byte[])[0x33, 0x33]).CopyTo(frame, 0);
        return frame;
    }

    private static byte[] Content(ModelDisk model)
    {
        byte[] content = new byte[model.Disk.SectorCount * SectorDevice.SectorSize];
        Assert.That(model.Disk.Read(0, content), Is.EqualTo(Drivers.Virtio.Devices.Block.BlockStatus.Ok));
        return content;
    }

    // As sed and base64 of the host do it.
    private static byte[] FromLines(IEnumerable<string> lines)
    {
        const string Mark = "pcapng net0 ";
        string text = string.Concat(lines
            .Where(line => line.Contains(Mark, StringComparison.Ordinal))
            .Select(line => line[(line.IndexOf(Mark, StringComparison.Ordinal) + Mark.Length)..]));
        return Convert.FromBase64String(text);
    }

    private static void WaitUntil(Func<bool> condition) =>
        Assert.That(SpinWait.SpinUntil(condition, s_patience), Is.True);

    private sealed class SlowTarget : CaptureTarget, IDisposable
    {
        public SlowTarget()
            : base(long.MaxValue, 1, "nowhere")
        {
        }

        public MemoryStream File { get; } = new();

        public ManualResetEventSlim HasBegun { get; } = new();

        public ManualResetEventSlim MayGoOn { get; } = new();

        public override Failure? Write(ReadOnlySpan<byte> bytes)
        {
            HasBegun.Set();
            MayGoOn.Wait(s_patience);
            File.Write(bytes);
            return null;
        }

        public override Failure? Finish() => null;

        public void Dispose()
        {
            File.Dispose();
            HasBegun.Dispose();
            MayGoOn.Dispose();
        }
    }

    /// <summary>A file of one section and one interface (draft-ietf-opsawg-pcapng, 4).</summary>
    private sealed class Section
    {
        public long Length { get; private set; }

        public int Link { get; private set; }

        public uint SnapLength { get; private set; }

        public Dictionary<int, byte[]> Interface { get; private set; } = [];

        public List<(long Time, byte[] Data, uint Direction)> Packets { get; } = [];

        public long Seen { get; private set; }

        public long Dropped { get; private set; }

        public long Delivered { get; private set; }

        public long Start { get; private set; }

        public long End { get; private set; }

        public static Section Read(byte[] file)
        {
            var section = new Section();
            int at = 0;
            do
            {
                int length = (int)Word(file, at + 4);
                Assert.That(length % 4, Is.Zero);
                Assert.That(Word(file, at + length - 4), Is.EqualTo(length), "the length comes twice");
                section.ReadBlock(Word(file, at), file[at..(at + length)]);
                at += length;
            }
            while (section.End == 0);
            long told = Long(file, 16);
            section.Length = at;
            Assert.That(told, Is.EqualTo(-1).Or.EqualTo(at - Word(file, 4)), "the section's length");
            return section;
        }

        private void ReadBlock(uint type, byte[] block)
        {
            switch (type)
            {
                case 0x0A0D0D0A:
                    Assert.That(Word(block, 8), Is.EqualTo(0x1A2B3C4D));
                    Assert.That(Word(block, 12), Is.EqualTo(1), "version 1.0");
                    break;

                case 1:
                    Link = (int)Word(block, 8);
                    SnapLength = Word(block, 12);
                    Interface = Options(block[16..^4]);
                    break;

                case 6:
                    int captured = (int)Word(block, 20);
                    Assert.That(Word(block, 24), Is.EqualTo(captured), "nothing is cut");
                    Dictionary<int, byte[]> options = Options(block[(28 + ((captured + 3) / 4 * 4))..^4]);
                    Packets.Add((Time(block, 12), block[28..(28 + captured)], Word(options[2], 0)));
                    break;

                case 5:
                    Dictionary<int, byte[]> counts = Options(block[20..^4]);
                    Start = Time(counts[2], 0);
                    End = Time(counts[3], 0);
                    Seen = Long(counts[4], 0);
                    Dropped = Long(counts[7], 0);
                    Delivered = Long(counts[8], 0);
                    break;

                default:
                    Assert.Fail($"a block of type {type}");
                    break;
            }
        }

        private static Dictionary<int, byte[]> Options(byte[] bytes)
        {
            Dictionary<int, byte[]> options = [];
            int at = 0;
            while (Word(bytes, at) != 0)
            {
                int length = (int)(Word(bytes, at) >> 16);
                options.Add((int)(Word(bytes, at) & 0xFFFF), bytes[(at + 4)..(at + 4 + length)]);
                at += 4 + ((length + 3) / 4 * 4);
            }

            Assert.That(at + 4, Is.EqualTo(bytes.Length), "the end of the options");
            return options;
        }

        private static uint Word(byte[] bytes, int offset) =>
            BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));

        private static long Long(byte[] bytes, int offset) =>
            BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(offset));

        private static long Time(byte[] bytes, int offset) =>
            ((long)Word(bytes, offset) << 32) | Word(bytes, offset + 4);
    }
}
