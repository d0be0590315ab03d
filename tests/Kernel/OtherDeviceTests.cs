using System;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

/// <summary>The owner of a device that is neither a disk nor a network card, with an entropy device.</summary>
[TestFixture]
internal sealed class OtherDeviceTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    [TestCase(false)]
    [TestCase(true)]
    public void Operation_of_the_driver_is_run_to_its_end(bool isMmio)
    {
        using ModelBench<EntropyDevice> bench = NewBench(isMmio);
        OtherDevice owner = Start(bench);
        bench.Model.LargestAnswer = 9;
        Assert.That(owner.Run("read", 100, shell: null, out string result), Is.Null);
        Assert.That(Convert.FromHexString(result), Is.EqualTo(EntropyDevice.First(100)));
        Assert.That((owner.Name, owner.Kind), Is.EqualTo(("rng0", "rng")));
        owner.Remove();
    }

    [Test]
    public void Operation_that_the_driver_does_not_have_is_refused()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        OtherDevice owner = Start(bench);
        Assert.That(
            owner.Run("write", 1, shell: null, out string result)?.ToString(), Is.EqualTo("has no such operation"));
        Assert.That(result, Is.Empty);
        owner.Remove();
    }

    [Test]
    public void Late_answer_is_waited_for()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        HeldBackCompletion held = new();
        bench.Model.Queues[0].Policy = held;
        OtherDevice owner = Start(bench);
        string result = "";
        Task<Failure?> asking = Task.Run(() => owner.Run("read", 8, shell: null, out result));
        Assert.That(() => bench.Model.Given, Is.EqualTo(8).After(10_000, 5));
        Assert.That(asking.IsCompleted, Is.False);
        held.Release(1);
        bench.Model.Run();
        Assert.That(asking.Wait(s_patience), Is.True);
        Assert.That(asking.Result, Is.Null);
        Assert.That(Convert.FromHexString(result), Is.EqualTo(EntropyDevice.First(8)));
        owner.Remove();
    }

    [Test]
    public void Answer_is_found_although_no_interrupt_tells_of_it()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Machine.Messages.IsQueued = true;
        OtherDevice owner = Start(bench);
        Assert.That(owner.Run("read", 64, shell: null, out string result), Is.Null);
        Assert.That(result, Has.Length.EqualTo(128));
        Assert.That(bench.Machine.Messages.Pending, Is.Not.Zero, "it was never delivered");
        owner.Remove();
    }

    [Test]
    public void Waiting_ends_when_it_is_interrupted_and_the_device_can_be_asked_again()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        HeldBackCompletion held = new();
        bench.Model.Queues[0].Policy = held;
        OtherDevice owner = Start(bench);
        var shell = new ShellBench();
        shell.System.Interrupt();
        Assert.That(owner.Run("read", 8, shell.Context, out string result)?.ToString(), Is.EqualTo("interrupted"));
        Assert.That(result, Is.Empty);

        Assert.That(
            owner.Run("read", 8, shell: null, out _)?.ToString(),
            Is.EqualTo("is busy"),
            "the first answer is still due");
        held.Release(2);
        bench.Model.Run();
        Assert.That(owner.Run("read", 4, shell: null, out result), Is.Null);
        Assert.That(Convert.FromHexString(result), Is.EqualTo(EntropyDevice.First(12)[8..]));
        owner.Remove();
    }

    [Test]
    public void Device_that_asks_for_a_reset_is_brought_up_again()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Model.Queues[0].Policy = new HeldBackCompletion();
        OtherDevice owner = Start(bench);
        Task<Failure?> asking = Task.Run(() => owner.Run("read", 8, shell: null, out _));
        Assert.That(() => bench.Model.Given, Is.EqualTo(8).After(10_000, 5));
        bench.Model.Queues[0].Policy = new InOrderCompletion();
        bench.Model.SetNeedsReset("for the test");
        Assert.That(asking.Wait(s_patience), Is.True);
        Assert.That(asking.Result?.ToString(), Is.EqualTo("misbehaved and was reset"));
        Assert.That((owner.Device.State, owner.Device.Restarts), Is.EqualTo((DeviceState.Running, 1)));
        Assert.That(owner.Run("read", 8, shell: null, out _), Is.Null);
        owner.Remove();
    }

    [Test]
    public void Device_that_breaks_again_and_again_is_given_up()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        OtherDevice owner = Start(bench);
        for (int i = 0; i < 4; i++)
        {
            bench.Model.SetNeedsReset("for the test");
        }

        Assert.That(owner.Device.Restarts, Is.EqualTo(3));
        Assert.That(owner.Run("read", 8, shell: null, out _)?.ToString(), Is.EqualTo("misbehaved and is out of use"));
        Assert.That(bench.Machine.Lines.HasWarned("rng0: given up"), Is.True);
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
        owner.Remove();
    }

    [Test]
    public void Removal_ends_the_wait_for_an_answer_and_gives_the_memory_back()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Model.Queues[0].Policy = new HeldBackCompletion();
        OtherDevice owner = Start(bench);
        Task<Failure?> asking = Task.Run(() => owner.Run("read", 8, shell: null, out _));
        Assert.That(() => bench.Model.Given, Is.EqualTo(8).After(10_000, 5));
        owner.Remove();
        Assert.That(asking.Wait(s_patience), Is.True);
        Assert.That(asking.Result?.ToString(), Is.EqualTo("was removed"));
        Assert.That(owner.IsRemoved, Is.True);
        Assert.That(owner.Run("read", 8, shell: null, out _)?.ToString(), Is.EqualTo("was removed"));
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
        owner.Remove();
    }

    [Test]
    public void Callers_take_turns()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        OtherDevice owner = Start(bench);
        int failures = 0;
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 50; i++)
            {
                Failure? failure = owner.Run("read", 64, shell: null, out string result);
                if (failure is not null || result.Length != 128)
                {
                    Interlocked.Increment(ref failures);
                }
            }
        });
        Assert.That(failures, Is.Zero);
        Assert.That(bench.Model.Given, Is.EqualTo(8 * 50 * 64));
        owner.Remove();
    }

    [Test]
    public void Device_that_cannot_be_started_has_no_owner()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Model.RefusesFeatures = true;
        VirtioDriver driver = DriverRegistry.Find(bench.Model.DeviceType)!;
        Assert.That(OtherDevice.TryCreate(driver, bench.OpenTransport(), "rng0", out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("did not accept the features"));
    }

    private static ModelBench<EntropyDevice> NewBench(bool isMmio = false) =>
        new(dma => new EntropyDevice(dma.GuestMemory), isMmio);

    private static OtherDevice Start(ModelBench<EntropyDevice> bench)
    {
        VirtioDriver driver = DriverRegistry.Find(bench.Model.DeviceType)!;
        OtherDevice? owner = OtherDevice.TryCreate(driver, bench.OpenTransport(), "rng0", out Failure? failure);
        Assert.That(failure, Is.Null);
        return owner!;
    }
}
