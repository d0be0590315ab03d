using System;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Commands;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Kernel.Shell;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class InterruptibleRunnerTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly FakeSystem _system = new();
    private readonly RecordingOutput _output = new();

    private CommandShell NewShell(params Command[] commands) =>
        new(
            new ShellContext(_output, _system, [], [], new SelfTestPlan([]), commands),
            new InterruptibleRunner(_ => { }));

    [Test]
    public void Commands_run_one_after_the_other_on_one_thread_beside_the_shells()
    {
        var command = new Told((_, _) => CommandResult.Success);
        CommandShell shell = NewShell(command);
        shell.RunLine("told");
        int first = command.Thread;
        shell.RunLine("told");

        Assert.That(command.Thread, Is.EqualTo(first));
        Assert.That(first, Is.Not.EqualTo(Environment.CurrentManagedThreadId));
    }

    [Test]
    public void Command_that_cannot_be_left_runs_on_the_shells_thread()
    {
        var command = new Told((_, _) => CommandResult.Success) { IsBound = true };
        NewShell(command).RunLine("told");
        Assert.That(command.Thread, Is.EqualTo(Environment.CurrentManagedThreadId));
    }

    [Test]
    public void Command_that_notices_has_the_last_word()
    {
        var command = new Told((shell, _) =>
        {
            SpinWait.SpinUntil(() => shell.IsInterrupted, s_timeout);
            shell.Output.WriteLine("was busy");
            return CommandResult.Interrupted;
        });
        Task interrupt = InterruptOnce(command);
        Assert.That(NewShell(command).RunLine("told; told"), Is.True);
        interrupt.Wait(s_timeout);
        Assert.That(_output.Lines, Is.EqualTo(new[] { "was busy", "error: interrupted" }));
    }

    [Test]
    public void Command_that_waits_for_a_device_is_left_and_ends_unseen_when_that_answers()
    {
        using var device = new ManualResetEventSlim();
        using var ended = new ManualResetEventSlim();
        bool wasInterrupted = false;
        var stuck = new Told((shell, _) =>
        {
            device.Wait(s_timeout);
            wasInterrupted = shell.IsInterrupted;
            shell.Output.WriteLine("too late");
            ended.Set();
            return CommandResult.Success;
        });
        var other = new Told((_, _) => CommandResult.Success, "other");
        CommandShell shell = NewShell(stuck, other);
        Task interrupt = InterruptOnce(stuck);
        long start = Environment.TickCount64;
        shell.RunLine("told; other");
        Assert.That(Environment.TickCount64 - start, Is.LessThan(5000));
        interrupt.Wait(s_timeout);
        Assert.That(_output.Lines, Is.EqualTo(new[]
        {
            "error: interrupted; it still waits for a device, and ends by itself",
        }));

        shell.RunLine("other");
        Assert.That(other.Thread, Is.Not.Zero.And.Not.EqualTo(stuck.Thread), "on another thread");
        Assert.That(ended.IsSet, Is.False);
        device.Set();
        Assert.That(ended.Wait(s_timeout), Is.True);
        Assert.That(wasInterrupted, Is.True, "long after the next line has begun");
        Assert.That(_output.Text, Does.Not.Contain("too late"));
    }

    private Task InterruptOnce(Told command) => Task.Run(() =>
    {
        SpinWait.SpinUntil(() => command.Thread != 0, s_timeout);
        _system.Interrupt();
    });

    /// <summary>A command that does what the test says.</summary>
    private sealed class Told(Func<ShellContext, string[], CommandResult> run, string name = "told") : Command(name, "")
    {
        private volatile int _thread;

        public int Thread => _thread;

        public bool IsBound { get; init; }

        public override bool CanBeLeft => !IsBound;

        public override CommandResult Run(ShellContext shell, string[] arguments)
        {
            _thread = Environment.CurrentManagedThreadId;
            return run(shell, arguments);
        }
    }
}
