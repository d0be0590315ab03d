using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices.Block;
using VirtioGuest.Volumes;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>What Cosmos overwrites when it deletes a file is put back.</summary>
public sealed class MediumEntryTests
{
    private const int Table = (8 + 32) * 512;

    [Test]
    public void The_first_entries_are_put_back_and_nothing_else()
    {
        using Pc pc = new();
        BlockDevice model = Disk(pc);
        MediumEntry medium = Take(pc);
        new byte[] { 0xFF, 0xFF, 0xFF, 0x0F, 9, 9 }.CopyTo(model.Disk[Table..]);

        medium.Restore();

        Assert.That(
            model.Disk.Slice(Table, 6).ToArray(), Is.EqualTo(new byte[] { 0xF8, 0xFF, 0xFF, 0x0F, 9, 9 }));
    }

    // Cosmos would follow 0x0FFFFFF0, the entry of this medium, to a sector beyond the table.
    [Test]
    public void A_medium_that_looks_like_a_link_is_the_end_of_a_chain_meanwhile()
    {
        using Pc pc = new();
        BlockDevice model = Disk(pc);
        model.Disk[Table] = 0xF0;

        MediumEntry medium = Take(pc);
        byte[] meanwhile = model.Disk.Slice(Table, 4).ToArray();
        medium.Restore();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(meanwhile, Is.EqualTo(new byte[] { 0xF8, 0xFF, 0xFF, 0x0F }));
            Assert.That(model.Disk.Slice(Table, 4).ToArray(), Is.EqualTo(new byte[] { 0xF0, 0xFF, 0xFF, 0x0F }));
        }
    }

    [Test]
    public void Nothing_is_written_where_the_entries_have_not_changed()
    {
        using Pc pc = new();
        var log = new RequestLog();
        Disk(pc).Faults = log;
        Take(pc).Restore();

        Assert.That(log.Requests.Select(request => request.Type), Is.All.Zero);
    }

    [Test]
    public void A_disk_that_fails_is_an_error()
    {
        using Pc pc = new();
        var log = new RequestLog();
        Disk(pc).Faults = log;
        MediumEntry medium = Take(pc);
        log.Status = BlockStatus.IoError;

        Assert.That(medium.Restore, Throws.TypeOf<IOException>());
        Assert.That(() => Take(pc), Throws.TypeOf<IOException>());
    }

    private static BlockDevice Disk(Pc pc)
    {
        BlockDevice model = pc.AddDisk(64);
        model.Disk[(8 * 512) + 14] = 32;
        new byte[] { 0xF8, 0xFF, 0xFF, 0x0F }.CopyTo(model.Disk[Table..]);
        pc.Boot();
        return model;
    }

    private static MediumEntry Take(Pc pc) => new(pc.Disk, new Partition(1, 8, 56), pc.Buffer(512));
}
