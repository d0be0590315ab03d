using System.Linq;
using NUnit.Framework;
using VirtioGuest.Commands.Block;
using VirtioGuest.Cosmos.Kernel.Block;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;
using BlockStatus = VirtioGuest.Devices.Block.BlockStatus;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>A virtio disk as the commands see it.</summary>
public sealed class ShellDiskTests
{
    [Test]
    public void Sectors_are_read_and_written_where_they_belong()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(16);
        var disk = new ShellDisk(pc.Boot().Disk, FakeHeap.Ample);
        byte[] content = pc.Buffer([.. Enumerable.Range(0, 1024).Select(each => (byte)(each * 7))]);
        byte[] found = pc.Buffer(1024);

        Failure? written = disk.Write(14, content);
        Failure? read = disk.Read(14, found);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(disk.Name, Is.EqualTo("disk0"));
            Assert.That(disk.SectorCount, Is.EqualTo(16));
            Assert.That(disk.IsReadOnly, Is.False);
            Assert.That(disk.IsUsable, Is.True);
            Assert.That(written, Is.Null);
            Assert.That(read, Is.Null);
            Assert.That(found, Is.EqualTo(content));
            Assert.That(model.Disk.Slice(14 * 512, 1024).ToArray(), Is.EqualTo(content));
            Assert.That(disk.Flush(), Is.Null);
        }
    }

    [TestCase(16UL, 1)]
    [TestCase(15UL, 2)]
    [TestCase(ulong.MaxValue, 1)]
    [TestCase(ulong.MaxValue, 2)]
    public void A_range_beyond_the_disk_is_refused_in_the_words_that_commands_know(ulong first, int sectors)
    {
        using Pc pc = new();
        pc.AddDisk(16);
        var disk = new ShellDisk(pc.Boot().Disk, FakeHeap.Ample);
        byte[] buffer = pc.Buffer(sectors * 512);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(disk.Read(first, buffer), Is.EqualTo(SectorDevice.OutOfRange));
            Assert.That(disk.Write(first, buffer), Is.EqualTo(SectorDevice.OutOfRange));
        }
    }

    [Test]
    public void A_failure_does_not_name_the_disk()
    {
        using Pc pc = new();
        pc.AddDisk(16).Faults = new RequestLog { Status = BlockStatus.IoError };
        var disk = new ShellDisk(pc.Boot().Disk, FakeHeap.Ample);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(disk.Read(0, pc.Buffer(512))?.ToString(), Is.EqualTo("the device reports an I/O error"));
            Assert.That(disk.Write(0, pc.Buffer(512))?.ToString(), Is.EqualTo("the device reports an I/O error"));
            Assert.That(disk.Flush()?.ToString(), Is.EqualTo("the device reports an I/O error"));
        }
    }

    [Test]
    public void A_read_only_disk_says_so_and_refuses_writes()
    {
        using Pc pc = new();
        pc.AddDisk(16, prepare: model => model.OfferedFeatures |= BlockFeature.ReadOnly);
        var disk = new ShellDisk(pc.Boot().Disk, FakeHeap.Ample);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(disk.IsReadOnly, Is.True);
            Assert.That(disk.Write(0, pc.Buffer(512))?.ToString(), Is.EqualTo("the disk is read-only"));
        }
    }

    [Test]
    public void A_disk_is_asked_about_itself_and_tells_what_it_offers()
    {
        using Pc pc = new();
        pc.AddDisk(16, prepare: model => model.Id = "serial 7");
        var disk = new ShellDisk(pc.Boot().Disk, FakeHeap.Ample);
        byte[] id = pc.Buffer((int)VirtioBlock.IdLength);
        byte[] lifetime = pc.Buffer((int)BlockLifetime.Length);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Disk.TryAsk(BlockOperation.GetId, id), Is.Null);
            Assert.That(VirtioBlock.ParseId(id), Is.EqualTo("serial 7"));
            Assert.That(pc.Disk.TryAsk(BlockOperation.GetLifetime, lifetime), Is.Not.Null);
            Assert.That(disk.QueueCount, Is.EqualTo(1));
            Assert.That(disk.IsWriteback, Is.True);
        }
    }

    [Test]
    public void A_buffer_that_is_shorter_than_its_sectors_is_refused()
    {
        using Pc pc = new();
        pc.AddDisk(16);
        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Disk.TryRead(0, 2, pc.Buffer(1023))?.ToString(), Is.EqualTo("the buffer is too short"));
            Assert.That(pc.Disk.TryWrite(0, 2, pc.Buffer(512))?.ToString(), Is.EqualTo("the buffer is too short"));
        }
    }
}
