using System.IO;
using NUnit.Framework;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;

namespace VirtioGuest.Cosmos.Tests.Block;

/// <summary>Disks that fail, break or fall silent: each call ends, with an error.</summary>
public sealed class DiskTroubleTests
{
    private const ulong Second = ModelPlatform.TicksPerSecond;

    [TestCase(BlockStatus.IoError, "the device reports an I/O error")]
    [TestCase(BlockStatus.Unsupported, "the device does not support the request")]
    public void A_failed_request_is_an_error_and_the_next_one_is_carried_out(BlockStatus status, string why)
    {
        using Pc pc = new();
        var log = new RequestLog { Status = status };
        pc.AddDisk(16).Faults = log;
        pc.Boot();

        Assert.That(() => pc.Disk.Read(1, 2, pc.Buffer(1024)), Throws.TypeOf<IOException>()
            .With.Message.EqualTo($"disk0: read at sector 1, count 2: {why}"));
        log.Status = null;
        Assert.That(() => pc.Disk.Read(1, 2, pc.Buffer(1024)), Throws.Nothing);
    }

    [Test]
    public void A_read_only_disk_refuses_writes_and_can_be_read()
    {
        using Pc pc = new();
        pc.AddDisk(16, prepare: disk => disk.OfferedFeatures |= BlockFeature.ReadOnly);
        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => pc.Disk.Write(0, 1, pc.Buffer(512)), Throws.TypeOf<IOException>()
                .With.Message.EqualTo("disk0: write at sector 0, count 1: the disk is read-only"));
            Assert.That(() => pc.Disk.Read(0, 1, pc.Buffer(512)), Throws.Nothing);
        }
    }

    [Test]
    public void A_request_for_parts_of_blocks_is_refused_and_one_for_whole_blocks_is_carried_out()
    {
        using Pc pc = new();
        pc.AddDisk(64, prepare: disk =>
        {
            disk.BlockSize = 4096;
            disk.RefusesParts = true;
        });
        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => pc.Disk.Read(1, 1, pc.Buffer(512)), Throws.TypeOf<IOException>()
                .With.Message.EqualTo("disk0: read at sector 1, count 1: the request is not for whole blocks"));
            Assert.That(() => pc.Disk.Read(8, 40, pc.Buffer(40 * 512)), Throws.Nothing);
        }
    }

    [Test]
    public void A_device_that_does_not_answer_is_reset_after_half_a_minute_and_restarted_by_the_next_call()
    {
        using Pc pc = new();
        pc.AddDisk(16);
        pc.Boot();
        pc.Platform.WaitTicks = Second;
        pc.Platform.WhileWaiting = () => { };
        ulong before = pc.Platform.Now;

        Assert.That(() => pc.Disk.Read(0, 1, pc.Buffer(512)), Throws.TypeOf<IOException>()
            .With.Message.EqualTo("disk0: read at sector 0, count 1: the device does not answer"));
        ulong seconds = (pc.Platform.Now - before) / Second;
        pc.Platform.WhileWaiting = pc.Run;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(seconds, Is.InRange(29, 33));
            Assert.That(() => pc.Disk.Read(0, 1, pc.Buffer(512)), Throws.Nothing);
            Assert.That(pc.Disk.Device.Describe().Restarts, Is.EqualTo(1));
        }
    }

    [Test]
    public void A_device_that_asks_for_a_reset_fails_its_request_and_is_restarted()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        pc.Boot();
        pc.Platform.WhileWaiting = () => model.SetNeedsReset("of a test");

        Assert.That(() => pc.Disk.Write(4, 1, pc.Buffer(512)), Throws.TypeOf<IOException>()
            .With.Message.EqualTo("disk0: write at sector 4, count 1: the device asks for a reset"));
        pc.Platform.WhileWaiting = pc.Run;

        Assert.That(() => pc.Disk.Read(4, 1, pc.Buffer(512)), Throws.Nothing);
    }

    [Test]
    public void A_device_that_asks_for_a_reset_between_calls_is_restarted_by_the_next_one()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        pc.Boot();

        model.SetNeedsReset("of a test");

        Assert.That(() => pc.Disk.Read(4, 1, pc.Buffer(512)), Throws.Nothing);
    }

    [Test]
    public void A_disk_that_grew_while_it_was_broken_is_used_to_its_new_end()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        pc.Boot();
        model.SetNeedsReset("of a test");
        model.Resize(32);

        Assert.That(() => pc.Disk.Read(31, 1, pc.Buffer(512)), Throws.Nothing);
    }

    [Test]
    public void A_device_that_never_confirms_a_reset_is_cut_off_and_its_memory_is_not_used_again()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        pc.Boot();
        int pages = pc.Platform.Pages.InUse;
        model.ResetDelay = int.MaxValue;
        pc.Platform.WaitTicks = Second;
        pc.Platform.WhileWaiting = () => { };

        Assert.That(() => pc.Disk.Read(0, 1, pc.Buffer(512)), Throws.TypeOf<IOException>());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => pc.Disk.Read(0, 1, pc.Buffer(512)), Throws.TypeOf<IOException>().With.Message.EqualTo(
                "disk0: read at sector 0, count 1: the device was cut off, because it does not confirm a reset"));
            Assert.That(pc.Disk.Device.State, Is.EqualTo(DeviceState.Abandoned));
            Assert.That(pc.Disk.LostBytes, Is.EqualTo(512));
            Assert.That(pc.Platform.Pages.InUse, Is.EqualTo(pages));
        }
    }

    [Test]
    public void A_device_that_cannot_be_restarted_says_why_at_each_call()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        pc.Boot();
        model.RefusesFeatures = true;
        model.SetNeedsReset("of a test");

        for (int i = 0; i < 3; i++)
        {
            Assert.That(() => pc.Disk.Read(0, 1, pc.Buffer(512)), Throws.TypeOf<IOException>()
                .With.Message.StartsWith(
                    "disk0: read at sector 0, count 1: the device cannot be brought up again: it "));
        }
    }

    [Test]
    public void A_call_that_interrupts_another_one_is_refused_and_does_no_harm()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        model.Disk.Fill(3);
        pc.Boot();
        byte[] buffer = pc.Buffer(512);
        string? refusal = null;
        pc.Platform.WhileWaiting = () =>
        {
            refusal = Assert.Throws<IOException>(() => pc.Disk.Read(7, 1, pc.Buffer(512))).Message;
            pc.Run();
        };

        pc.Disk.Read(0, 1, buffer);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(refusal, Is.EqualTo(
                "disk0: read at sector 7, count 1: the disk is in use by what this interrupted"));
            Assert.That(buffer, Is.All.EqualTo(3));
        }
    }

    [Test]
    public void A_buffer_that_the_device_cannot_reach_breaks_the_device_and_not_the_caller()
    {
        using Pc pc = new();
        pc.AddDisk(16);
        pc.Boot();
        byte[] elsewhere = System.GC.AllocateArray<byte>(512, pinned: true);
        pc.Platform.WaitTicks = Second;

        Assert.That(() => pc.Disk.Write(0, 1, elsewhere), Throws.TypeOf<IOException>());
        Assert.That(() => pc.Disk.Read(0, 1, pc.Buffer(512)), Throws.Nothing);
    }
}
