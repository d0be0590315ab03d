using System;
using NUnit.Framework;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

/// <summary>How the machine goes down when somebody outside asks for it.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class OrderlyShutdownTests
{
    private readonly RecordingOutput _output = new();
    private readonly FakeSystem _system = new();

    [Test]
    public void Disks_are_flushed_before_the_machine_is_switched_off()
    {
        using var model = new ModelDisk(64);
        Disk disk = model.Disk;
        new OrderlyShutdown(new CommandActivity(), _system, _output, () => [disk]).Run("power button");

        Assert.That(_output.Lines, Is.EqualTo(new[] { "power button: shutting down" }));
        Assert.That(model.Flushes, Is.EqualTo(1));
        Assert.That(_system.Calls, Is.EqualTo(new[] { "off" }));
    }

    [Test]
    public void Disk_that_fails_is_named_and_the_machine_goes_down()
    {
        using var model = new ModelDisk(64, limit: TimeSpan.FromMilliseconds(50), isStuck: true);
        Disk disk = model.Disk;
        new OrderlyShutdown(new CommandActivity(), _system, _output, () => [disk]).Run("power button");

        Assert.That(_output.Lines[1], Does.StartWith("disk0: not flushed: "));
        Assert.That(_system.Calls, Is.EqualTo(new[] { "off" }));
    }
}
