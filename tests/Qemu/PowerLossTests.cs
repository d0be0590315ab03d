using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>What is on a disk when it ends in the middle of its work: all that a flush has promised.</summary>
public sealed class PowerLossTests : QemuTest
{
    // More than are done before the end comes.
    private const ulong Many = 20_000;

    private static int Kills => NightlyOnlyAttribute.IsNightly ? 50 : 5;

    [Test]
    public void What_was_flushed_is_there_when_QEMU_is_killed([Values("ignore", "unmap")] string discard)
    {
        ulong seed = Churn.NewSeed();
        Random random = new((int)seed);
        int kills = discard == "unmap" ? (Kills + 1) / 2 : Kills / 2;
        for (int kill = 0; kill < kills; kill++)
        {
            DiskImage disk = NewDisk((int)new Churn(0, 0).Count);
            byte[] before = disk.ReadAll();
            Churn churn = new(seed + (ulong)kill, Many);
            QemuGuest guest = Start(new GuestOptions().WithDisk(new DiskOptions(disk.Path)
            {
                IsPacked = kill % 2 == 0,
                Drive = $"cache=writeback,discard={discard}",
            }));
            guest.WaitForPrompt();
            guest.Type(churn.Command() + "\n");
            guest.WaitForLine("^durable: ");
            Thread.Sleep(random.Next(1000));

            guest.Kill();

            ulong done = Churn.Durable(guest.Serial.Text)[^1];
            TestContext.Out.WriteLine($"kill {kill}: {done} operations were durable");
            Assert.That(done, Is.LessThan(Many), "it came too late");
            Assert.That(churn.FindLoss(before, disk.ReadAll(), done), Is.Null, $"kill {kill}");
        }
    }

    /// <summary>
    /// Killing QEMU loses nothing that it has written. A power failure does: of what was not flushed, any part may be
    /// missing. So what reached the disk is noted, and looked at as it might have been after each flush.
    /// </summary>
    [TestCase(true)]
    [TestCase(false)]
    public void What_was_flushed_is_there_when_the_power_fails(bool isPacked)
    {
        ulong seed = Churn.NewSeed();
        Random random = new((int)seed);
        DiskImage disk = NewDisk(4096);
        byte[] before = disk.ReadAll();
        string log = Path.Combine(Folder, "log");
        File.WriteAllBytes(log, []);
        Churn churn = new(seed, NightlyOnlyAttribute.IsNightly ? 5_000UL : 300UL) { Count = 4096 };
        Transcript transcript = Run(
            new GuestOptions().WithArguments(
                "-blockdev", $"driver=file,node-name=file,filename={disk.Path},locking=off",
                "-blockdev", $"driver=file,node-name=log,filename={log},locking=off",
                "-blockdev", "driver=blklogwrites,node-name=disk,file=file,log=log,log-super-update-interval=1",
                "-device", $"virtio-blk-pci,drive=disk,packed={(isPacked ? "on" : "off")}"),
            churn.Command() + "; exit");

        Assert.That(transcript.TextOf(churn.Command()), Does.EndWith(churn.Success));
        IReadOnlyList<ulong> durable = Churn.Durable(transcript.TextOf(churn.Command()));
        WriteLog writes = new(log);

        // QEMU leaves a flush out where nothing was written since the last, and adds one when it ends.
        Assert.That(writes.Flushes, Is.InRange(durable.Count * 3 / 4, durable.Count + 1).And.GreaterThan(5));
        int step = Math.Max(durable.Count / 20, 1);
        for (int line = 0; line < durable.Count; line += step)
        {
            int flushes = Math.Min(line + 1, writes.Flushes);
            foreach (int share in new[] { 0, 50, 95 })
            {
                byte[] after = writes.Replay(before, flushes, () => random.Next(100) < share);
                Assert.That(
                    churn.FindLoss(before, after, durable[line]), Is.Null, $"after flush {flushes}, {share} %");
            }
        }

        // The test would notice: without what came before the last flush something is missing.
        byte[] cut = writes.Replay(before, durable.Count / 2, () => false);
        Assert.That(churn.FindLoss(before, cut, durable[^1]), Is.Not.Null);
    }
}
