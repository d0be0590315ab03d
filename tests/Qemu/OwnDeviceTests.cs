using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Conformance;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Net;
using VirtioGuest.Qemu.Tests.Harness;
using VirtioGuest.VhostUser;
using VirtioGuest.VhostUser.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// The project's device models, served to QEMU over vhost-user: what the driver in the guest does with its rings, the
/// models see from the device's own place.
/// </summary>
public sealed class OwnDeviceTests : QemuTest
{
    private const int Sectors = 8192;
    private const string Disk = "vhost-user-blk-pci,disable-legacy=on";
    private const ulong Features = FeatureBit.Usual | BlockFeature.Flush | BlockFeature.SegmentMaximum
        | BlockFeature.BlockSize | BlockFeature.ConfigWce;

    [TestCase("on", "packed")]
    [TestCase("off", "split")]
    public void A_disk_is_served_from_a_file(string packed, string ring)
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 400) { HasDiscard = false, HasWriteZeroes = false };
        using var store = new FileStore(disk.Path);
        using var device = new OwnDevice<BlockDevice>(
            memory => new BlockDevice(memory, store) { OfferedFeatures = Features }, Folder);

        Transcript transcript = Run(
            device.Put(new GuestOptions(), $"{Disk},packed={packed}"),
            $"lsvirtio; {churn.Command()}; exit");

        Assert.That(transcript.TextOf("lsvirtio"), Does.Contain($"{ring} ring"));
        Assert.That(transcript.TextOf(churn.Command()), Does.EndWith(churn.Success));
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
        Assert.That(device.Model.Findings, Is.Empty, "the driver keeps to the rules");
        Assert.That(device.Model.Queues[0].NotificationsReceived, Is.GreaterThan(0));
        ExpectKept(device.Conclude(), "drv.blk.12", packed == "on" ? "drv.packed.3" : "drv.general.28");
    }

    [TestCase("on", "packed")]
    [TestCase("off", "split")]
    public void Frames_go_through_a_card_that_is_served(string packed, string ring)
    {
        using var device = new OwnDevice<NetDevice>(
            memory => ServedDevices.Card(memory, new EchoPeer()), Folder);

        Transcript transcript = Run(
            device.Put(
                new GuestOptions(),
                "vhost-user,id=card",
                $"virtio-net-pci,netdev=card,vectors=0,disable-legacy=on,packed={packed}"),
            "lsvirtio; net 0 static 10.9.8.2/24 10.9.8.1; net 0 ping 10.9.8.1 3; exit");

        Assert.That(transcript.TextOf("lsvirtio"), Does.Contain($"{ring} ring"));
        ExpectKept(device.Conclude(), "drv.net.15", "drv.net.47", packed == "on" ? "drv.packed.3" : "drv.general.28");
    }

    [Test]
    public void Many_queues_are_served()
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 400) { HasDiscard = false, HasWriteZeroes = false };
        using var store = new FileStore(disk.Path);
        using var device = new OwnDevice<BlockDevice>(
            memory => new BlockDevice(memory, store, 4) { OfferedFeatures = Features | BlockFeature.MultiQueue },
            Folder);

        Transcript transcript = Run(
            device.Put(new GuestOptions(), Disk + ",packed=on,num-queues=4"), churn.Command() + "; exit");

        Assert.That(transcript.TextOf(churn.Command()), Does.EndWith(churn.Success));
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
        Assert.That(device.Model.Findings, Is.Empty);
    }

    [TestCase("on")]
    [TestCase("off")]
    public void A_machine_that_stands_still_for_a_while_goes_on_where_it_was(string packed)
    {
        DiskImage disk = NewDisk(Sectors);
        string checksum = disk.Checksum(0, Sectors);
        using var store = new FileStore(disk.Path);
        using var device = new OwnDevice<BlockDevice>(
            memory => new BlockDevice(memory, store) { OfferedFeatures = Features }, Folder);
        QemuGuest guest = Start(device.Put(new GuestOptions(), $"{Disk},packed={packed}"));
        guest.WaitForPrompt();
        for (int pause = 0; pause < 3; pause++)
        {
            // QEMU takes the queues from the device and gives them back, from the middle of their rings on.
            guest.Type($"blk 0 checksum 0 {Sectors}\r");
            guest.WaitForLine($"^{checksum}$");
            guest.Monitor.Execute("stop");
            guest.Monitor.Execute("cont");
        }

        guest.Type($"blk 0 checksum 0 {Sectors}\rexit\r");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        Assert.That(device.Model.Findings, Is.Empty);
        ExpectKept(device.Conclude(), "drv.blk.29");
    }

    [TestCase("on")]
    [TestCase("off")]
    [NightlyOnly]
    public void A_server_that_is_killed_and_started_again_loses_nothing(string packed)
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        Churn churn = new(Churn.NewSeed(), 20_000) { DiscardFill = BlockDevice.DiscardedByte };
        string socket = Path.Combine(Folder, "own");
        GuestOptions options = new();
        ServerProcess server = new(disk.Path, socket);
        try
        {
            QemuGuest guest = Start(options.WithArguments(
                "-object", $"memory-backend-memfd,id=shared,size={options.MemoryMegabytes}M,share=on",
                "-numa", "node,memdev=shared",
                "-chardev", $"socket,id=own,path={socket},reconnect=1",
                "-device", $"{Disk},packed={packed},chardev=own"));
            guest.WaitForPrompt();
            guest.Type(churn.Command() + "\r");
            var random = new Random((int)churn.Seed);
            for (int time = 0; time < 8; time++)
            {
                Thread.Sleep(random.Next(100, 1200));
                server.Dispose();
                server = new(disk.Path, socket);
            }

            guest.WaitForLine($"^{Regex.Escape(churn.Success)}$");
            guest.Type("exit\r");
            Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
        }
        finally
        {
            server.Dispose();
        }

        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
    }

    [Test]
    public void A_source_of_entropy_is_served()
    {
        using var device = new OwnDevice<EntropyDevice>(
            memory => new EntropyDevice(memory, 7) { OfferedFeatures = FeatureBit.Usual }, Folder);

        Transcript transcript = Run(
            device.Put(new GuestOptions(), "vhost-user-rng-pci"), "rng 0 read 16; exit");

        Assert.That(
            Convert.FromHexString(transcript.TextOf("rng 0 read 16")), Is.SubsetOf(EntropyDevice.First(4096, 7)));
        Assert.That(device.Model.Findings, Is.Empty);
    }

    [Test]
    public void Nonsense_on_the_socket_is_let_go_and_the_next_front_end_is_served()
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        using var store = new FileStore(disk.Path);
        using var device = new OwnDevice<BlockDevice>(
            memory => new BlockDevice(memory, store) { OfferedFeatures = Features }, Folder);
        foreach (byte[] nonsense in (byte[][])
        [
            [], [1], [1, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0], Message(1, 0xFFFF_FFFF), Message(77), Message(5, 0),
            Message(5, 8, [1, 0, 0, 0, 0, 0, 0, 0]), Message(12, 8, new byte[8]),
            Message(8, 8, [99, 0, 0, 0, 1, 0, 0, 0]),
            Message(24, 12, [0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0]),
            Message(2, 8, [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]),
            Message(200, 4096, new byte[4096]),
        ])
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(device.Socket));
            socket.Send(nonsense);
            socket.Shutdown(SocketShutdown.Send);
            socket.ReceiveTimeout = 10_000;
            byte[] answer = new byte[64];
            try
            {
                while (socket.Receive(answer) != 0)
                {
                }
            }
            catch (SocketException)
            {
                // What it did not read of the nonsense makes a reset of the end.
            }
        }

        Transcript transcript = Run(
            device.Put(new GuestOptions(), Disk + ",packed=on"), "blk 0 checksum 0 64; exit");

        Assert.That(transcript.OutputOf("blk 0 checksum 0 64"), Is.EqualTo(new[] { disk.Checksum(0, 64) }));
        Assert.That(disk.ReadAll().AsSpan().SequenceEqual(before), Is.True);
        Assert.That(device.Lines.Count(line => line.StartsWith("the front end is let go: ", StringComparison.Ordinal)),
            Is.GreaterThan(6), string.Join('\n', device.Lines));
    }

    /// <summary>Nothing is broken, and these have been judged.</summary>
    private static void ExpectKept(IReadOnlyList<Verdict> verdicts, params string[] requirements)
    {
        Assert.That(
            verdicts.Where(each => each.Outcome == Outcome.Fail)
                .Select(each => $"{each.Requirement.Id} {each.Evidence!.Place}: {each.Evidence.Text}"),
            Is.Empty);
        Assert.That(
            verdicts.Where(each => each.Outcome == Outcome.Pass).Select(each => each.Requirement.Id),
            Is.SupersetOf(requirements));
    }

    private static byte[] Message(uint request, uint length = 0, byte[]? payload = null) =>
    [
        .. BitConverter.GetBytes(request), .. BitConverter.GetBytes(1u), .. BitConverter.GetBytes(length),
        .. payload ?? [],
    ];
}
