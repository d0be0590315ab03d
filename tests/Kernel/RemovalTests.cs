using System;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Kernel.Tests;

/// <summary>What becomes of a service whose device is taken out of the machine.</summary>
[TestFixture]
internal sealed class RemovalTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    [Test]
    public void Requests_of_a_removed_disk_fail_and_all_memory_is_given_back()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(4096);
        Disk disk = Start(bench);
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        bench.HoldRequests();
        Task<BlockStatus> reading = Task.Run(() => disk.Read(100, new byte[600 * 512]));
        Assert.That(() => bench.Model.Queues[0].Finished, Is.EqualTo(3).After(10_000, 10));

        disk.Remove();

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.Removed));
        Assert.That(disk.Write(0, new byte[512]), Is.EqualTo(BlockStatus.Removed));
        Assert.That(disk.Flush(), Is.EqualTo(BlockStatus.Removed));
        Assert.That(
            new ShellBench(disk).Run("blk 0 checksum 0 1"), Is.EqualTo("error: disk0: the device was removed"));
        Assert.That(disk.Device.State, Is.EqualTo(DeviceState.Stopped));
        Assert.That(
            (bench.Machine.Memory.Freed, bench.Machine.Memory.Quarantined),
            Is.EqualTo((bench.Machine.Memory.Allocated, 0)));
        disk.Remove();
    }

    [Test]
    public void Disk_that_answers_no_more_is_let_go_and_its_memory_stays_out_of_use()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(4096);
        Disk disk = Start(bench);
        bench.HoldRequests();
        Task<BlockStatus> reading = Task.Run(() => disk.Read(100, new byte[512]));
        Assert.That(() => bench.Model.Queues[0].Finished, Is.EqualTo(1).After(10_000, 10));
        bench.Model.ResetDelay = int.MaxValue;

        disk.Remove();

        Assert.That(reading.Wait(s_timeout), Is.True);
        Assert.That(reading.Result, Is.EqualTo(BlockStatus.Removed));
        Assert.That(disk.Device.State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(
            bench.Machine.Memory.Freed + bench.Machine.Memory.Quarantined,
            Is.EqualTo(bench.Machine.Memory.Allocated));
        Assert.That(bench.Machine.Memory.Quarantined, Is.Positive);
    }

    [Test]
    public async Task Removed_disk_is_not_looked_at_any_more()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(64);
        Disk? disk = Disk.TryCreate(
            bench.OpenTransport(), "disk0", TimeSpan.FromMilliseconds(4), out Failure? failure);
        Assert.That(disk, Is.Not.Null, failure?.ToString());
        Assert.That(await disk!.ReadAsync(0, new byte[512]), Is.EqualTo(BlockStatus.Ok));
        int looks = 0;
        bench.Machine.Time.OnLook = () => Interlocked.Increment(ref looks);
        Assert.That(() => Volatile.Read(ref looks), Is.Positive.After(10_000, 5), "whoever awaits has a timer");

        disk.Remove();

        int before = looks;
        Thread.Sleep(100);
        Assert.That(looks, Is.EqualTo(before));
        Assert.That(await disk.ReadAsync(0, new byte[512]), Is.EqualTo(BlockStatus.Removed));
        Thread.Sleep(100);
        Assert.That(looks, Is.EqualTo(before), "a refused request starts none");
    }

    [Test]
    public void Disk_that_is_removed_while_suspended_is_not_brought_up_again()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(64);
        Disk disk = Start(bench);
        Assert.That(disk.TrySuspend(out Failure? failure), Is.True, failure?.ToString());

        disk.Remove();

        Assert.That(disk.TryResume(out failure), Is.False);
        Assert.That(failure?.ToString(), Is.EqualTo("was taken out of the machine"));
        Assert.That(disk.Device.State, Is.EqualTo(DeviceState.Stopped));
    }

    [Test]
    public void Suspended_disk_takes_no_requests_until_it_is_resumed()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(64);
        Disk disk = Start(bench);
        Assert.That(disk.TrySuspend(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.NotRunning));

        Assert.That(disk.TryResume(out failure), Is.True, failure?.ToString());
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.Ok));
    }

    [Test]
    public void Disk_that_does_not_come_back_is_out_of_use()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(64);
        Disk disk = Start(bench);
        Assert.That(disk.TrySuspend(out Failure? failure), Is.True, failure?.ToString());
        bench.Model.RefusesFeatures = true;

        Assert.That(disk.TryResume(out failure), Is.False);

        Assert.That(failure?.ToString(), Does.Contain("FEATURES_OK").Or.Contain("features"));
        Assert.That(disk.IsUsable, Is.False);
        Assert.That(disk.Read(0, new byte[512]), Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(disk.TryResume(out failure), Is.False);
        Assert.That(failure?.ToString(), Is.EqualTo("is out of use"));
        disk.Remove();
    }

    [Test]
    public void Disk_with_a_request_in_flight_is_not_suspended()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create(64);
        Disk disk = Start(bench);
        bench.HoldRequests();
        Task<BlockStatus> reading = Task.Run(() => disk.Read(0, new byte[512]));
        Assert.That(() => bench.Model.Queues[0].Finished, Is.EqualTo(1).After(10_000, 10));

        Assert.That(disk.TrySuspend(out Failure? failure), Is.False);

        Assert.That(failure?.ToString(), Is.EqualTo("is in use"));
        Assert.That(disk.Device.State, Is.EqualTo(DeviceState.Running));
        disk.Remove();
        Assert.That(reading.Wait(s_timeout), Is.True);
    }

    [Test]
    public void Removed_link_is_down_and_sends_nothing()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out Failure? failure);
        Assert.That(link, Is.Not.Null, failure?.ToString());
        link!.PlanLook = static () => { };
        var port = new NetworkPort("net0", link!);
        link!.Connect(port.Stack);

        port.Remove();

        Assert.That(port.IsRemoved, Is.True);
        Assert.That(link.IsUp, Is.False);
        Assert.That(link.TrySend(new byte[60]), Is.False);
        Assert.That(
            (bench.Machine.Memory.Freed, bench.Machine.Memory.Quarantined),
            Is.EqualTo((bench.Machine.Memory.Allocated, 0)));
    }

    private static Disk Start(ModelBench<BlockDevice> bench)
    {
        Disk? disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out Failure? failure);
        Assert.That(disk, Is.Not.Null, failure?.ToString());
        return disk!;
    }
}
