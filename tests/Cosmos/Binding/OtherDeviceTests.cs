using System.Linq;
using NUnit.Framework;
using VirtioGuest.Commands.Operations;
using VirtioGuest.Cosmos.Binding;
using VirtioGuest.Cosmos.Kernel.Commands;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Tests.Devices;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Binding;

/// <summary>Devices that are neither disks nor network cards: how they are bound, and what they answer.</summary>
public sealed class OtherDeviceTests
{
    private const ulong Second = 1_000_000_000;

    [Test]
    public void A_driver_that_was_added_to_the_registry_is_bound_and_operable()
    {
        SampleDriver.Register();
        using Pc pc = new();
        pc.Add(new Model(pc.Platform.Pages, SampleDriver.SampleType), 11);
        pc.Add(new Model(pc.Platform.Pages, SampleDriver.SampleType), 11);

        ShellDevice[] devices = ShellDevice.Of(pc.Boot().Inventory.Others);
        Failure? failure = devices[1].Run("double", 21, null, out string result);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(devices.Select(each => each.Name), Is.EqualTo(new[] { "sample0", "sample1" }));
            Assert.That((failure, result), Is.EqualTo(((Failure?)null, "42")));
            Assert.That(devices[1].Run("refuse", 0, null, out result)?.ToString(), Is.EqualTo("does not want to"));
            Assert.That(result, Is.Empty);
            Assert.That(CommandNames(), Has.Some.EqualTo("sample N double NUMBER").And.Some.EqualTo("sample N refuse"));
            Assert.That(new OperationTest(devices[0], "double", 1).Run().Reason, Is.Empty);
        }
    }

    [Test]
    public void Random_bytes_are_read_at_the_shell()
    {
        using Pc pc = new();
        pc.Add(new Model(pc.Platform.Pages), 11);

        ShellDevice rng = ShellDevice.Of(pc.Boot().Inventory.Others).Single();
        Failure? failure = rng.Run("read", 70, null, out string result);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Platform.Lines, Is.EqualTo(new[]
            {
                "rng0: virtio-rng at 00:03.0, packed ring, INTx line 11",
            }));
            Assert.That(failure, Is.Null);
            Assert.That(result, Is.EqualTo(string.Concat(Enumerable.Repeat("5a", 70))));
            Assert.That(CommandNames(), Has.Some.EqualTo("rng N read COUNT"));
            Assert.That(rng.Run("write", 1, null, out _)?.ToString(), Is.EqualTo("has no such operation"));
        }
    }

    [Test]
    public void A_device_that_does_not_answer_costs_ten_seconds_and_answers_later()
    {
        using Pc pc = new();
        pc.Add(new Model(pc.Platform.Pages), 11);
        OtherDevice rng = pc.Boot().Inventory.Others.Single();
        pc.Platform.WaitTicks = Second;
        pc.Platform.WhileWaiting = () => { };

        string? first = Read(rng, out _);
        string? second = Read(rng, out _);
        pc.Run();
        pc.Platform.WhileWaiting = pc.Run;
        string? third = Read(rng, out string result);

        Assert.That((first, second, third, result),
            Is.EqualTo(("does not answer within 10 s", "is busy", (string?)null, "5a")));
    }

    [Test]
    public void A_device_that_asks_for_a_reset_is_brought_up_again()
    {
        using Pc pc = new();
        var model = new Model(pc.Platform.Pages);
        pc.Add(model, 11);
        OtherDevice rng = pc.Boot().Inventory.Others.Single();
        pc.Platform.WhileWaiting = () =>
        {
            model.SetNeedsReset("of a test");
            pc.Run();
        };

        string? first = Read(rng, out _);
        pc.Platform.WhileWaiting = pc.Run;
        string? second = Read(rng, out string result);

        Assert.That((first, second, result, rng.Device.Restarts),
            Is.EqualTo(("misbehaved and was reset", (string?)null, "5a", 1)));
    }

    [Test]
    public void A_device_that_asks_for_a_reset_between_calls_is_restarted_before_the_next_one()
    {
        using Pc pc = new();
        var model = new Model(pc.Platform.Pages);
        pc.Add(model, 11);
        OtherDevice rng = pc.Boot().Inventory.Others.Single();

        model.SetNeedsReset("of a test");
        string? failure = Read(rng, out string result);

        Assert.That((failure, result, rng.Device.Restarts), Is.EqualTo(((string?)null, "5a", 1)));
    }

    [Test]
    public void A_device_that_never_confirms_a_reset_is_cut_off()
    {
        using Pc pc = new();
        var model = new Model(pc.Platform.Pages);
        pc.Add(model, 11);
        OtherDevice rng = pc.Boot().Inventory.Others.Single();
        model.ResetDelay = int.MaxValue;
        model.SetNeedsReset("of a test");
        pc.Platform.WaitTicks = ModelPlatform.TicksPerSecond / 10;

        string? first = Read(rng, out _);
        string? second = Read(rng, out _);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((first, second), Is.EqualTo((
                "was cut off, because it does not confirm a reset",
                "was cut off, because it does not confirm a reset")));
            Assert.That(rng.Device.State, Is.EqualTo(DeviceState.Abandoned));
        }
    }

    [Test]
    public void A_device_that_cannot_be_restarted_is_given_up_after_three_attempts_that_say_why()
    {
        using Pc pc = new();
        var model = new Model(pc.Platform.Pages);
        pc.Add(model, 11);
        OtherDevice rng = pc.Boot().Inventory.Others.Single();
        model.RefusesFeatures = true;
        model.SetNeedsReset("of a test");

        string? first = Read(rng, out _);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first, Is.EqualTo("misbehaved and is out of use"));
            Assert.That(
                pc.Platform.Lines.Count(line => line.Contains("of 3: it did not accept the features ")), Is.EqualTo(3));
            Assert.That(pc.Platform.Lines[^1], Does.Contain("rng0: given up: it was in trouble after each of 3"));
        }
    }

    [Test]
    public void A_call_that_interrupts_another_one_is_refused()
    {
        using Pc pc = new();
        pc.Add(new Model(pc.Platform.Pages), 11);
        OtherDevice rng = pc.Boot().Inventory.Others.Single();
        string? inner = null;
        pc.Platform.WhileWaiting = () =>
        {
            inner = Read(rng, out _);
            pc.Run();
        };

        string? outer = Read(rng, out string result);

        Assert.That((inner, outer, result), Is.EqualTo(("is in use by what this interrupted", (string?)null, "5a")));
    }

    private static string? Read(OtherDevice rng, out string result) =>
        rng.Run(rng.Device.Driver.Operations[0], 1, out result)?.ToString();

    private static string[] CommandNames() => [.. CommandList.Create(null!).Select(each => each.Usage)];

    /// <summary>Fills each buffer with the same byte.</summary>
    private sealed class Model(GuestMemory memory, ushort type = 4) : VirtioDeviceModel(type, 1, 0, memory)
    {
        protected override ulong TypeFeatures => 0;

        protected override bool Serve(ModelQueue queue)
        {
            if (queue.Ring?.TryPop() is not DeviceChain chain)
            {
                return false;
            }

            chain.TryWrite(0, [.. Enumerable.Repeat((byte)0x5A, (int)chain.WritableLength)]);
            queue.Finish(chain, (uint)chain.WritableLength);
            return true;
        }
    }
}
