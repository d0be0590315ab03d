namespace VirtioGuest.Hal;

/// <summary>
/// A message-signalled interrupt: a device raises it by writing <see cref="Data"/> to <see cref="Address"/>.
/// </summary>
/// <remarks>
/// <para>
/// It calls its handler, which on many machines means that a thread is woken. A thread that has just asked the device
/// for something and has nothing else to do can spare that thread: it claims the interrupt (<see cref="TryClaim"/>),
/// asks the device, waits (<see cref="WaitClaimed"/>), and looks into the queue itself each time that the wait ends,
/// until it has what it asked for. Then it ends its claim (<see cref="EndClaim"/>).
/// </para>
/// <para>
/// The order matters: the claim comes before the device can answer, and each look comes after the wait that it answers.
/// Then every interrupt either ends a wait, or calls the handler, or makes <see cref="EndClaim"/> say that one look is
/// still due. Others may use the queue meanwhile, under its lock: what the claimant finds may be somebody else's, and
/// whoever takes what the claimant waits for out of the queue calls <see cref="WakeClaimant"/>, because then the device
/// need not interrupt any more.
/// </para>
/// </remarks>
public abstract class MessageInterrupt
{
    /// <summary>Describes a message that the machine has set aside.</summary>
    protected MessageInterrupt(ulong address, uint data)
    {
        Address = address;
        Data = data;
    }

    /// <summary>Where the device writes.</summary>
    public ulong Address { get; }

    /// <summary>What the device writes.</summary>
    public uint Data { get; }

    /// <summary>How often it has arrived.</summary>
    public abstract ulong Count { get; }

    /// <summary>
    /// Claims the interrupt for the calling thread: from here to <see cref="EndClaim"/> it does not call its handler.
    /// A call that is due already may still come.
    /// </summary>
    /// <returns>
    /// False where another thread has a claim, the message was given back, or the machine has no claims: then the
    /// handler is called as ever.
    /// </returns>
    public virtual bool TryClaim() => false;

    /// <summary>
    /// The claimant waits until the interrupt comes; not at all if it has come since the last wait, or since the claim.
    /// </summary>
    /// <param name="nanoseconds">For how long at most.</param>
    /// <returns>Why the wait ended. It may end as if the interrupt had come, though it has not.</returns>
    public virtual ClaimedWait WaitClaimed(ulong nanoseconds) => ClaimedWait.Released;

    /// <summary>Ends the claim: the handler is called from now on.</summary>
    /// <returns>
    /// Whether the interrupt has come since the last wait: then the claimant looks at its device once more, or calls
    /// <see cref="HandOver"/>.
    /// </returns>
    public virtual bool EndClaim() => false;

    /// <summary>Has the handler called once, without an interrupt.</summary>
    public virtual void HandOver()
    {
    }

    /// <summary>Ends the claimant's wait, if there is a claim. Called by any thread.</summary>
    public virtual void WakeClaimant()
    {
    }

    /// <summary>
    /// Stops delivery and gives the message back. The device must no longer be able to send it. A claimant's wait ends.
    /// </summary>
    /// <remarks>
    /// A call of the handler that has begun may still be running when this returns: handlers look at their driver's
    /// state before they touch the device.
    /// </remarks>
    public abstract void Release();
}

/// <summary>Why the wait of a claimant ended.</summary>
public enum ClaimedWait
{
    /// <summary>The interrupt has come: the claimant looks at its device.</summary>
    Arrived = 0,

    /// <summary>It has not come in time.</summary>
    TimedOut = 1,

    /// <summary>It was given back, and never comes again.</summary>
    Released = 2,
}
