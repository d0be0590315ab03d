using NUnit.Framework;

// A guest that boots keeps one processor busy and mostly waits for firmware and devices afterwards: one more guest
// than the two processors of a small build machine keeps both busy.
[assembly: LevelOfParallelism(3)]
[assembly: Parallelizable(ParallelScope.All)]
[assembly: FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
