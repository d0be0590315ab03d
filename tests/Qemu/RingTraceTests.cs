using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Qemu.Tests.Harness;
using VirtioGuest.Recording;
using VirtioGuest.VhostUser;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// What <c>trace</c> records in the guest, and what a device records of a driver elsewhere: rings that are built again
/// from a recording hold what the requests were.
/// </summary>
public sealed class RingTraceTests : QemuTest
{
    private const int DescriptorLength = 16;
    private const int SectorAndStatus = 513;
    private const ushort Available = 1 << 7;
    private const ushort Used = 1 << 15;
    private const int Sectors = 8192;

    [TestCase(true)]
    [TestCase(false)]
    public void A_recording_of_a_disk_shows_the_request_in_its_ring(bool isPacked)
    {
        DiskImage disk = NewDisk();
        DiskImage target = NewEmptyDisk(2048);
        Transcript transcript = Run(
            new GuestOptions()
                .WithDisk(new DiskOptions(disk.Path) { IsPacked = isPacked })
                .WithDisk(target),
            "trace start; blk 0 read 3 1; trace stop disk 1; blk 0 checksum 0 8; exit");

        Assert.That(transcript.TextOf("trace start"), Is.EqualTo("disk0: recording up to 65536 steps"));
        Assert.That(
            transcript.TextOf("trace stop disk 1"),
            Does.Match("^disk0: recorded [0-9]+ steps, dropped 0, [0-9]+ bytes at the start of disk1$"));
        Check(Recording.Recording.Read(target.Path), isPacked);
    }

    [Test]
    public void A_recording_is_taken_off_over_the_serial_line()
    {
        QemuGuest guest = Start(new GuestOptions().WithDisk(NewDisk())
            .WithScript("trace start disk0; blk 0 read 3 1; trace stop serial; exit"));
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));

        string log = Path.Combine(Folder, "serial.log");
        File.WriteAllLines(log, guest.Serial.Lines);
        Check(Recording.Recording.Read(log), isPacked: true);
    }

    [Test]
    public void What_cannot_be_recorded_is_refused_and_the_disk_works_on()
    {
        DiskImage small = NewEmptyDisk(2);
        Transcript transcript = Run(
            new GuestOptions().WithDisk(NewDisk()).WithDisk(small),
            "trace start disk7; trace start; trace start disk1; trace stop disk 9; trace; "
            + "blk 0 fill 0 512 1; trace stop disk 1; blk 0 verify 0 512 1; trace stop serial; exit",
            QemuGuest.Failure);

        Assert.That(transcript.TextOf("trace start disk7"), Is.EqualTo("error: there is no disk7"));
        Assert.That(transcript.TextOf("trace start disk1"), Is.EqualTo("error: disk0 is recorded already"));
        Assert.That(transcript.TextOf("trace stop disk 9"), Is.EqualTo("error: there is no disk9"));
        Assert.That(transcript.TextOf("trace"), Does.StartWith("usage: trace start [DEVICE]|stop "));
        Assert.That(
            transcript.TextOf("trace stop disk 1"),
            Is.EqualTo("error: disk1: the disk is too small for the recording"));
        Assert.That(transcript.TextOf("blk 0 verify 0 512 1"), Is.EqualTo("verified 512 sectors"));
        Assert.That(
            transcript.TextOf("trace stop serial"), Does.Match("disk0: recorded [0-9]+ steps, "), "it is still there");
    }

    [TestCase("on")]
    [TestCase("off")]
    public void A_device_records_the_driver_of_another_process(string packed)
    {
        const ulong Features = FeatureBit.Usual | BlockFeature.Flush | BlockFeature.SegmentMaximum;
        string file = Path.Combine(Folder, "vhost-user.jsonl");
        using (RecordingWriter writer = RecordingWriter.Create(
            file, new RecordingHeader("blk", "vhost-user", ["driver", "device"], IsTimed: true)))
        {
            var recorder = new MemoryRecorder(writer) { InfersDriver = true };
            using var store = new FileStore(NewDisk(Sectors).Path);
            using var device = new OwnDevice<BlockDevice>(
                memory => new BlockDevice(new RecordedGuestMemory(memory, recorder), store)
                {
                    OfferedFeatures = Features,
                },
                Folder,
                recorder);
            Run(
                device.Put(new GuestOptions(), $"vhost-user-blk-pci,disable-legacy=on,packed={packed}"),
                "blk 0 read 3 1; exit");
        }

        Recording.Recording recording = Recording.Recording.Read(file);
        Assert.That(recording.Steps.Select(step => step.Kind), Has.Some.EqualTo(StepKind.Kick));
        Check(recording, packed == "on");
    }

    /// <summary>The last request of a recording was a read of one sector, and the ring still shows it used.</summary>
    private static void Check(Recording.Recording recording, bool isPacked)
    {
        RecordedQueue queue = recording.Queues[^1].Queue;
        var memory = new Reconstruction(recording.Header);
        recording.Steps.ForEach(step => memory.Apply(step));
        byte[] descriptors = memory.Newest(queue.DescriptorArea, queue.DescriptorLength);
        Assert.That(queue.IsPacked, Is.EqualTo(isPacked));
        if (isPacked)
        {
            int[] slots = [.. Enumerable.Range(0, queue.Size).Where(slot =>
                (Word(descriptors, (slot * DescriptorLength) + 14) & (Available | Used)) == (Available | Used))];
            Assert.That(slots, Is.Not.Empty.And.Ordered);
            int last = slots[^1] * DescriptorLength;
            Assert.That(Word(descriptors, last + 8), Is.EqualTo(SectorAndStatus), "len: a sector, and the status");
            return;
        }

        byte[] used = memory.Newest(queue.DeviceArea, queue.DeviceLength);
        byte[] available = memory.Newest(queue.DriverArea, queue.DriverLength);
        int index = Word(used, 2);
        Assert.That(index, Is.Positive.And.EqualTo(Word(available, 2)), "everything was used");
        int element = 4 + (8 * ((index - 1) % queue.Size));
        Assert.That(Word(used, element), Is.EqualTo(Word(available, 4 + (2 * ((index - 1) % queue.Size)))), "the head");
        Assert.That(Word(used, element + 4), Is.EqualTo(SectorAndStatus), "len: a sector, and the status");
    }

    private static int Word(byte[] bytes, int at) => bytes[at] | (bytes[at + 1] << 8);
}
