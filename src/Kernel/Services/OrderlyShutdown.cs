using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Kernel.Services.Block;

namespace VirtioGuest.Kernel.Services;

/// <summary>
/// Switches the machine off at somebody's request from outside: lets the running command end, flushes the disks, and
/// goes down whatever came of that, within bounded time.
/// </summary>
internal sealed class OrderlyShutdown
{
    /// <summary>How long a command may go on that runs when the request comes.</summary>
    public static readonly TimeSpan CommandTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long all disks together may take to write what they hold.</summary>
    public static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(10);

    private const uint Step = 10;

    private readonly CommandActivity _activity;
    private readonly CommandSystem _system;
    private readonly TextOutput _output;
    private readonly Func<IReadOnlyList<Disk>> _disks;
    private int _hasBegun;

    /// <summary>Prepares a shutdown.</summary>
    /// <param name="activity">Tells of a running command, and keeps the next from beginning.</param>
    /// <param name="system">Switches off.</param>
    /// <param name="output">Where it is said.</param>
    /// <param name="disks">The disks that there are by then.</param>
    public OrderlyShutdown(
        CommandActivity activity, CommandSystem system, TextOutput output, Func<IReadOnlyList<Disk>> disks)
    {
        _activity = activity;
        _system = system;
        _output = output;
        _disks = disks;
    }

    /// <summary>Goes down, on a thread of its own. Only the first call counts.</summary>
    /// <param name="cause">Who asked, for people.</param>
    public void Begin(string cause)
    {
        if (Interlocked.Exchange(ref _hasBegun, 1) == 0)
        {
            new Thread(() => Run(cause)) { IsBackground = true }.Start();
        }
    }

    /// <summary>Goes down and returns where the machine does not.</summary>
    /// <param name="cause">Who asked, for people.</param>
    public void Run(string cause)
    {
        _activity.Close();
        _output.WriteLine(cause + ": shutting down");
        long deadline = Environment.TickCount64 + (long)CommandTimeout.TotalMilliseconds;
        while (_activity.IsBusy && Environment.TickCount64 < deadline)
        {
            _system.Pause(Step);
        }

        if (_activity.IsBusy)
        {
            _output.WriteLine(cause + ": the command that runs is abandoned");
        }

        _system.Settle();
        Flush();
        _system.PowerOff();
    }

    private void Flush()
    {
        var flushes = new List<(Disk Disk, Task<BlockStatus> Task)>();
        foreach (Disk disk in _disks())
        {
            if (disk.IsUsable && !disk.IsReadOnly)
            {
                flushes.Add((disk, Task.Factory.StartNew(
                    disk.Flush, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            }
        }

        long deadline = Environment.TickCount64 + (long)FlushTimeout.TotalMilliseconds;
        foreach ((Disk disk, Task<BlockStatus> task) in flushes)
        {
            long left = Math.Max(deadline - Environment.TickCount64, 0);
            string? failure = !task.Wait(TimeSpan.FromMilliseconds(left)) ? "does not answer in time"
                : task.Result == BlockStatus.Ok ? null
                : task.Result.Describe();
            if (failure is not null)
            {
                _output.WriteLine($"{disk.Name}: not flushed: {failure}");
            }
        }
    }
}
