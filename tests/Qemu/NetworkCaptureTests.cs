using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// What <c>net N capture</c> writes, read by the host's own tools and compared with what QEMU says went by.
/// </summary>
public sealed class NetworkCaptureTests : QemuTest
{
    private const string Work = "net 0 dhcp; net 0 ping 10.0.2.2 3; net 0 resolve localhost";

    [TestCase(512)]
    [TestCase(4096)]
    public void A_disk_holds_the_frames_that_QEMU_has_seen(int blockSize)
    {
        string dump = Path.Combine(Folder, "dump.pcap");
        DiskImage image = NewDisk();
        byte[] before = image.ReadAll();
        string sizes = $"logical_block_size={blockSize},physical_block_size={blockSize}";
        GuestOptions options = WithDump(dump)
            .WithDisk(NewDisk())
            .WithDisk(new DiskOptions(image.Path) { Properties = sizes });

        Transcript transcript = Run(
            options, $"net 0 capture disk 1; {Work}; net 0 capture stop; exit", QemuGuest.Failure);

        Assert.That(
            transcript.TextOf("net 0 capture disk 1"),
            Is.EqualTo("net0: capturing at the start of disk1, which is overwritten"));
        string end = transcript.TextOf("net 0 capture stop");
        Match told = Regex.Match(end, @"\Anet0: captured frames (\d+), dropped 0, bytes (\d+) at the start of disk1\z");
        Assert.That(told.Success, Is.True, end);
        int length = int.Parse(told.Groups[2].Value, CultureInfo.InvariantCulture);
        string file = Path.Combine(Folder, "disk.pcapng");
        File.WriteAllBytes(file, image.ReadAll()[..length]);
        string[] packets = Packets(file);
        Assert.That(packets, Is.EquivalentTo(Packets(dump)));
        Assert.That(packets, Has.Length.EqualTo(int.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture)));
        Assert.That(packets, Has.Exactly(3).Contain("ICMP echo request").And.Exactly(3).Contain("ICMP echo reply"));
        Assert.That(packets, Has.Exactly(4).Contain("BOOTP/DHCP"));
        int written = (length + blockSize - 1) / blockSize * blockSize;
        Assert.That(image.ReadAll()[written..], Is.EqualTo(before[written..]), "the rest of the disk is as it was");
    }

    [Test]
    public void The_serial_line_carries_the_frames_that_QEMU_has_seen()
    {
        string dump = Path.Combine(Folder, "dump.pcap");
        QemuGuest guest = Start(WithDump(dump).WithScript($"net 0 capture serial; {Work}; exit"));
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Failure), "the name cannot be resolved");

        string log = Path.Combine(Folder, "serial.log");
        File.WriteAllLines(log, guest.Serial.Lines);
        string file = Path.Combine(Folder, "serial.pcapng");
        string takeOff = $"sed -n 's/^.*pcapng net0 //p' {log} | base64 -d > {file}"; // as in docs/net.md
        Tool.Run("bash", "bash", "-c", takeOff);
        Assert.That(Packets(file), Is.EquivalentTo(Packets(dump)));
        Assert.That(guest.Serial.Lines, Has.One.Match("net0: captured frames [0-9]+, dropped 0, bytes "), "at the end");
    }

    [Test]
    public async Task Services_run_meanwhile_and_large_segments_are_whole()
    {
        using var tap = new TapLink();
        DiskImage image = NewEmptyDisk(64 * 2048);
        QemuGuest guest = Start(new GuestOptions()
            .WithNic(new NicOptions { Netdev = tap.Netdev }).WithNic()
            .WithDisk(image));
        guest.WaitForPrompt();
        guest.Type(
            $"net 0 static {tap.Network}.2/24\rnet 0 capture disk 0\rnet 1 capture serial\rnet 1 dhcp\r"
            + "net 0 tcp-echo 7\rnet 0 udp-echo 7\rnet 0 http 80\r");
        guest.WaitForLine("net0: http at ");

        var address = IPAddress.Parse($"{tap.Network}.2");
        byte[] data = new byte[8 << 20];
        new Random(1).NextBytes(data);
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(address, 7);
            Task sending = client.GetStream().WriteAsync(data).AsTask();
            byte[] answer = new byte[data.Length];
            await client.GetStream().ReadExactlyAsync(answer).AsTask().WaitAsync(Deadlines.Command);
            await sending;
            Assert.That(answer.AsSpan().SequenceEqual(data), Is.True);
        }

        using (var client = new HttpClient())
        {
            Assert.That(await client.GetStringAsync($"http://{address}/"), Does.Contain("</html>"));
        }

        guest.Type("net 1 capture stop\rnet 0 capture stop\r");
        guest.WaitForLine(@"net1: captured frames \d+, dropped 0, bytes \d+ in the lines with ""pcapng net1""");
        Match told = guest.WaitForLine(@"net0: captured frames (\d+), dropped (\d+), bytes (\d+) at the start of");
        string file = Path.Combine(Folder, "disk.pcapng");
        int length = int.Parse(told.Groups[3].Value, CultureInfo.InvariantCulture);
        File.WriteAllBytes(file, image.Read(0, (length + 511) / 512)[..length]);
        string[] packets = Packets(file);
        Assert.That(packets, Has.Length.EqualTo(int.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture)));
        Assert.That(packets, Has.Some.Match(@"\.7 > .*length [0-9]{5}\n"), "large segments, as the device gets them");
        Assert.That(packets, Has.Some.Contain("HTTP: GET / HTTP/1.1").And.Some.Contain("HTTP: HTTP/1.1 200 OK"));
        TestContext.Out.WriteLine($"captured {told.Groups[1].Value}, dropped {told.Groups[2].Value}");
    }

    [Test]
    public void Disks_that_cannot_take_it_are_refused_and_nothing_is_written()
    {
        DiskImage small = NewDisk(255);
        DiskImage readOnly = NewDisk();
        byte[] before = small.ReadAll();

        Transcript transcript = Run(
            new GuestOptions().WithNic().WithDisk(small)
                .WithDisk(new DiskOptions(readOnly.Path) { IsReadOnly = true }),
            "net 0 capture disk 0; net 0 capture disk 1; net 0 capture disk 2; net 0 capture; net 0 capture stop; exit",
            QemuGuest.Failure);

        Assert.That(
            transcript.TextOf("net 0 capture disk 0"),
            Is.EqualTo("error: disk0: the disk is too small: a capture takes at least 256 sectors"));
        Assert.That(transcript.TextOf("net 0 capture disk 1"), Is.EqualTo("error: disk1: the disk is read-only"));
        Assert.That(transcript.TextOf("net 0 capture disk 2"), Is.EqualTo("error: there is no disk2"));
        Assert.That(transcript.TextOf("net 0 capture"), Does.StartWith("usage: net N capture "));
        Assert.That(transcript.TextOf("net 0 capture stop"), Is.EqualTo("error: net0: no capture runs"));
        Assert.That(small.ReadAll(), Is.EqualTo(before));
    }

    private static GuestOptions WithDump(string file) => new GuestOptions()
        .WithNic()
        .WithArguments("-object", $"filter-dump,id=dump,netdev=net0,file={file},maxlen=65536");

    /// <summary>The packets of a capture file, each as the text of its headers and bytes, without its time.</summary>
    private static string[] Packets(string file)
    {
        string text = Tool.Run("tcpdump", "tcpdump", "-n", "-t", "-xx", "-r", file);
        int end = text.LastIndexOf("reading from file", StringComparison.Ordinal);
        Assert.That(text[end..].TrimEnd(), Does.Match(@"\Areading from file .*, link-type EN10MB \(Ethernet\).*\z"));
        return [.. Regex.Split(text[..end], @"\n(?=\S)").Where(packet => packet.Trim().Length > 0)
            .Select(packet => packet.TrimEnd() + "\n")];
    }
}
