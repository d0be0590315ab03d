using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices;

/// <summary>
/// Runs what is asked of a device to its end: within a deadline, and with the device brought up again where it is in
/// trouble. It is what the owners of a device have in common in every kernel.
/// </summary>
/// <remarks>Whoever calls it keeps all others from the device meanwhile.</remarks>
public abstract class DeviceRequests
{
    /// <summary>How long a device may take to answer, in nanoseconds.</summary>
    public const ulong LongestWait = 10_000_000_000;

    private readonly VirtioDevice _device;
    private readonly DeviceRecovery _recovery;

    /// <summary>Serves a device that runs.</summary>
    /// <param name="device">The device.</param>
    /// <param name="recovery">What brings it up again.</param>
    protected DeviceRequests(VirtioDevice device, DeviceRecovery recovery)
    {
        _device = device;
        _recovery = recovery;
    }

    /// <summary>Why the device can be asked nothing; null where it runs.</summary>
    protected virtual Failure? WhyUnusable => _device.State switch
    {
        DeviceState.Running => null,
        DeviceState.Abandoned => new Failure("was cut off, because it does not confirm a reset"),
        _ => new Failure("misbehaved and is out of use"),
    };

    /// <summary>Asks the device for something, and waits until it has answered.</summary>
    /// <returns>Null, or why there is no answer.</returns>
    public Failure? Run(DeviceRequest request)
    {
        RecoverIfBroken();
        int lives = _device.Restarts;
        Failure? failure = WhyUnusable ?? request.Begin(_device);
        Deadline deadline = new Deadline(_device.Transport.Machine.Clock, LongestWait);
        while (failure is null && !request.TryEnd(_device, out failure))
        {
            RecoverIfBroken();
            failure = WhyUnusable;
            if (failure is null && _device.Restarts != lives)
            {
                failure = new Failure("misbehaved and was reset");
            }
            else if (failure is null && request.IsInterrupted)
            {
                failure = new Failure("interrupted", isSentence: true);
            }
            else if (failure is null && deadline.HasPassed)
            {
                failure = new Failure("does not answer within 10 s");
            }
            else if (failure is null)
            {
                Wait();
            }
        }

        RecoverIfBroken();
        return failure;
    }

    /// <summary>Brings the device up again where it is in trouble, until it runs or is given up.</summary>
    public void RecoverIfBroken()
    {
        while (_device.State == DeviceState.NeedsReset)
        {
            _device.Stop();
            _recovery.TryRestart();
        }
    }

    /// <summary>
    /// Lets time pass between two looks at the device, and lets the driver read what the device has changed meanwhile.
    /// </summary>
    protected abstract void Wait();
}

/// <summary>Something that is asked of a device, and its answer.</summary>
public abstract class DeviceRequest
{
    /// <summary>Whether whoever asked does not want to wait any longer.</summary>
    public virtual bool IsInterrupted => false;

    /// <summary>Asks.</summary>
    /// <returns>Null, or why that cannot be.</returns>
    public abstract Failure? Begin(VirtioDevice device);

    /// <summary>Looks for the answer.</summary>
    /// <param name="device">The device.</param>
    /// <param name="failure">Why there is none and will be none; null otherwise.</param>
    /// <returns>Whether there is nothing more to wait for.</returns>
    public abstract bool TryEnd(VirtioDevice device, out Failure? failure);
}

/// <summary>One of a driver's operations, asked of a device.</summary>
public class OperationRequest : DeviceRequest
{
    private readonly DeviceOperation _operation;
    private readonly int _argument;

    /// <param name="operation">The operation.</param>
    /// <param name="argument">1 to the operation's maximum; 0 where it takes no argument.</param>
    public OperationRequest(DeviceOperation operation, int argument)
    {
        _operation = operation;
        _argument = argument;
    }

    /// <summary>The result as text; empty until there is one.</summary>
    public string Result { get; private set; } = string.Empty;

    /// <inheritdoc/>
    public override Failure? Begin(VirtioDevice device) => device.BeginOperation(_operation, _argument);

    /// <inheritdoc/>
    public override bool TryEnd(VirtioDevice device, out Failure? failure)
    {
        bool hasEnded = device.TryEndOperation(out string result, out failure);
        Result = hasEnded && failure is null ? result : string.Empty;
        return hasEnded;
    }
}
