using System;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// Disks that another process serves, which dies, stops, or is replaced while many requests are in flight.
/// </summary>
public sealed class DiskServerTests : QemuTest
{
    private const int Sectors = 8192;
    private const ulong Many = 200_000;
    private const string TimedOut =
        @"^error: disk0: operation \d+, a [a-z ]+( of \d+ sectors starting at \d+)?: "
        + "the device did not answer in time and was reset$";

    [Test]
    public void All_that_was_written_over_vhost_user_is_there()
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        using DiskServer server = DiskServer.StartVhostUser(disk, Folder);
        Churn churn = new(Churn.NewSeed(), NightlyOnlyAttribute.IsNightly ? 40_000UL : 400UL);
        Transcript transcript = Run(server.Put(new GuestOptions()), churn.Command() + "; exit");
        Assert.That(transcript.TextOf(churn.Command()), Does.EndWith(churn.Success));
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
    }

    [Test]
    public void Server_that_dies_is_waited_for_until_somebody_has_enough()
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        using DiskServer server = DiskServer.StartVhostUser(disk, Folder);
        (QemuGuest guest, Churn churn) = StartChurn(server.Put(new GuestOptions()));
        server.Kill();
        Thread.Sleep(500);
        guest.Type("\u0003");
        guest.WaitForLine("^error: interrupted; it still waits for a device, and ends by itself$");
        guest.WaitForText("^vg> ");
        Assert.That(churn.FindLoss(before, disk.ReadAll(), Done(guest)), Is.Null);
        EndShell(guest);
    }

    /// <summary>QEMU gives the new one what the old one had not answered.</summary>
    [Test]
    public void Server_that_dies_and_is_replaced_loses_nothing() =>
        ReplaceServer(DiskServer.StartVhostUser, "reconnect=1");

    [Test]
    public void Server_that_dies_for_good_is_found_by_the_limit()
    {
        DiskImage disk = NewDisk(Sectors);
        using DiskServer server = DiskServer.StartVhostUser(disk, Folder);
        (QemuGuest guest, _) = StartChurn(server.Put(new GuestOptions { CommandLine = "timeout=1" }));
        server.Kill();
        guest.WaitForLine(TimedOut);
        guest.WaitForText("^vg> ");
        for (int command = 0; command < 4; command++)
        {
            guest.Type("blk 0 checksum 0 8\n");
            guest.WaitForLine("^error: disk0: the device (did not answer in time and was reset|misbehaved and .*)$");
            guest.WaitForText("^vg> ");
        }

        EndShell(guest);
    }

    [Test]
    public void Network_server_that_dies_fails_what_is_asked_of_it()
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        using DiskServer server = DiskServer.StartNbd(disk, Folder);
        (QemuGuest guest, Churn churn) = StartChurn(server.Put(new GuestOptions()));
        server.Kill();
        guest.WaitForLine(@"^error: disk0: operation \d+, a .*: the device reports an I/O error$");
        guest.WaitForText("^vg> ");
        Assert.That(churn.FindLoss(before, disk.ReadAll(), Done(guest)), Is.Null);
        guest.Type("blk 0 checksum 0 8\n");
        guest.WaitForLine("^error: disk0: the device reports an I/O error$");
        EndShell(guest);
    }

    [Test]
    public void Network_server_that_is_replaced_in_time_loses_nothing() =>
        ReplaceServer(DiskServer.StartNbd, "reconnect-delay=60");

    [Test]
    public void Server_that_stops_for_longer_than_the_limit_is_reset_and_used_on()
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        using DiskServer server = DiskServer.StartNbd(disk, Folder);
        (QemuGuest guest, Churn churn) = StartChurn(
            server.Put(new GuestOptions { CommandLine = "timeout=3" }));
        server.Stop();
        guest.WaitForLine(@"^warning: disk0: a \S+( of sector \d+)? was not answered for .* s, which is the limit$");

        // QEMU confirms a reset once its own requests have come back, and the machine stands still meanwhile.
        Thread.Sleep(1000);
        server.Continue();
        guest.WaitForLine(TimedOut);
        guest.WaitForText("^vg> ");
        byte[] between = disk.ReadAll();
        Assert.That(churn.FindLoss(before, between, Done(guest)), Is.Null);
        Again(guest, disk, between);
    }

    [Test]
    public void Server_that_stops_for_a_while_loses_nothing()
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        using DiskServer server = DiskServer.StartNbd(disk, Folder);
        (QemuGuest guest, Churn churn) = StartChurn(
            server.Put(new GuestOptions { CommandLine = "timeout=20" }), operations: 4000);
        server.Stop();
        Thread.Sleep(1500);
        server.Continue();
        guest.WaitForLine($"^{churn.Success}$");
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
        Assert.That(guest.Serial.Text, Does.Not.Contain("warning"));
        EndShell(guest, QemuGuest.Success);
    }

    private void ReplaceServer(Func<DiskImage, string, DiskServer> start, string connection)
    {
        DiskImage disk = NewDisk(Sectors);
        byte[] before = disk.ReadAll();
        using DiskServer server = start(disk, Folder);
        (QemuGuest guest, Churn churn) = StartChurn(
            server.Put(new GuestOptions(), connection: connection), operations: 4000);
        server.Kill();
        server.Restart();
        guest.WaitForLine($"^{churn.Success}$");
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
        EndShell(guest, QemuGuest.Success);
    }

    private static ulong Done(QemuGuest guest) => Churn.Durable(guest.Serial.Text)[^1];

    private static void Again(QemuGuest guest, DiskImage disk, byte[] before)
    {
        Churn churn = new(Churn.NewSeed(), 200);
        guest.Type(churn.Command() + "\n");
        guest.WaitForLine($"^{churn.Success}$");
        Assert.That(churn.FindLoss(before, disk.ReadAll(), churn.Operations), Is.Null);
        EndShell(guest);
    }

    private static void EndShell(QemuGuest guest, int status = QemuGuest.Failure)
    {
        guest.Type("exit\n");
        Assert.That(guest.WaitForExit(), Is.EqualTo(status));
    }

    private (QemuGuest Guest, Churn Churn) StartChurn(GuestOptions options, ulong operations = Many)
    {
        Churn churn = new(Churn.NewSeed(), operations);
        QemuGuest guest = Start(options);
        guest.WaitForPrompt();
        guest.Type(churn.Command() + "\n");
        guest.WaitForLine("^durable: [0-9]{2,}$");
        return (guest, churn);
    }
}
